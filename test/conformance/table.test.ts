/** docs/conformance.md against the tests that it names. */
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../../', import.meta.url);
const rows = readFileSync(new URL('docs/conformance.md', root), 'utf8')
  .split('\n## ')
  .filter((section) => section.includes('| says '))
  .flatMap((section) => section.split('\n').slice(1))
  .filter((line) => line.startsWith('| ') && !/^\| (says|---) /.test(line))
  .map((line) => line.slice(2, -1).split(' | '));

t.test('each row is a statement and the tests that prove it', async (t) => {
  t.ok(rows.length > 150);
  for (const row of rows) {
    const [says = '', proofs = ''] = row;
    t.equal(row.length, 2, says);
    const pending = says.endsWith('*(not yet)*');
    t.equal(
      proofs.trim() === '',
      pending,
      `${says}: ${pending ? 'marked, and without a test' : 'has a test'}`,
    );
  }
});

t.test('each test that is named exists', async (t) => {
  const sources = new Map<string, string>();
  for (const [says, proofs = ''] of rows) {
    for (const proof of proofs.trim() === '' ? [] : proofs.trim().split('<br>')) {
      const [, file = '', title = ''] = /^`([\w/-]+)` (.+)$/.exec(proof) ?? [];
      const path = new URL(`test/${file}.test.ts`, root);
      if (!sources.has(file)) sources.set(file, existsSync(path) ? readFileSync(path, 'utf8') : '');
      const named = new RegExp(`(?:test|onEachListener)\\(\\s*(['"\`])${escaped(title)}\\1`);
      t.match(sources.get(file), named, `${says}: ${proof}`);
    }
  }
});

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
