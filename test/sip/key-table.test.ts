import t from 'tap';
import { KeyTable } from '../../core/sip/key-table.js';

t.test('what is added is found until it is deleted', async (t) => {
  const table = new KeyTable<number>();
  for (let n = 0; n < 1_000; n++) table.add(`z9hG4bK${n} INVITE 5060 192.0.2.1`, n);
  t.equal(table.size, 1_000);
  for (let n = 0; n < 1_000; n += 2) table.delete(`z9hG4bK${n} INVITE 5060 192.0.2.1`);
  table.delete('z9hG4bK0 INVITE 5060 192.0.2.1');
  table.delete('');
  t.equal(table.size, 500);
  for (let n = 0; n < 1_000; n++) {
    if (table.get(`z9hG4bK${n} INVITE 5060 192.0.2.1`) !== (n % 2 === 0 ? undefined : n)) t.fail(`key ${n}`);
  }
  t.equal(table.get('z9hG4bK1 BYE 5060 192.0.2.1'), undefined);
});
