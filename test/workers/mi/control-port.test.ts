import { MessageChannel } from 'node:worker_threads';
import t from 'tap';
import type { Command, CommandResult } from '../../../core/acd/commands.js';
import { ControlPort, serveControl } from '../../../workers/mi/control-port.js';
import type { EngineControl } from '../../../workers/mi/source.js';

const command = (agent_id: string): Command => ({ kind: 'agent_login', agent_id, logged_in: true });

function overAPort(control: EngineControl): ControlPort {
  const { port1, port2 } = new MessageChannel();
  serveControl(port1, control);
  return new ControlPort(port2);
}

t.test('each request of management gets its own answer, whichever is ready first', async (t) => {
  const asked: string[] = [];
  const answers = new Map<string, (result: CommandResult) => void>();
  const control = overAPort({
    reload: async () => ({ ok: false, code: 500, message: 'no database' }),
    command: (asking) =>
      new Promise((resolve) => {
        if (asking.kind !== 'agent_login') throw new Error('not asked here');
        asked.push(asking.agent_id);
        answers.set(asking.agent_id, resolve);
      }),
  });
  const first = control.command(command('first'));
  const second = control.command(command('second'));
  t.same(await control.reload(), { ok: false, code: 500, message: 'no database' });
  t.same(asked, ['first', 'second']);
  answers.get('second')?.({ ok: true });
  t.same(await second, { ok: true });
  answers.get('first')?.({ ok: false, code: 404, message: 'no such agent' });
  t.same(await first, { ok: false, code: 404, message: 'no such agent' });
  control.close();
});

t.test('what cannot be done is told with its reason', async (t) => {
  const control = overAPort({
    reload: () => Promise.reject(new Error('the dispatcher is gone')),
    command: () => {
      throw new Error('not now');
    },
  });
  await t.rejects(control.reload(), { message: 'the dispatcher is gone' });
  await t.rejects(control.command(command('agent')), { message: 'not now' });
  control.close();
});
