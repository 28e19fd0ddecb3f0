/**
 * A map from strings for hundreds of thousands of entries that come and go: split into many small ones,
 * since a Map that is full copies itself whole, which at that size would hold up all calls for 40 ms.
 */
const PARTS = 64;

export class KeyTable<V> {
  private readonly parts: Map<string, V>[] = Array.from({ length: PARTS }, () => new Map<string, V>());
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(key: string): V | undefined {
    return this.part(key).get(key);
  }

  /** @param key not in the table yet */
  add(key: string, value: V): void {
    this.part(key).set(key, value);
    this.count++;
  }

  delete(key: string): void {
    if (this.part(key).delete(key)) this.count--;
  }

  private part(key: string): Map<string, V> {
    let hash = 0;
    for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
    return this.parts[(hash ^ (hash >>> 16)) & (PARTS - 1)] as Map<string, V>;
  }
}
