/**
 * A sorted set that also knows how many of its items stand before a given one: a treap whose nodes
 * count their subtrees. Priorities come from a fixed sequence, so equal histories make equal trees.
 * Insert, delete, first, at and rank are O(log n) in expectation.
 */
import { assert } from '../assert.js';

interface Node<T> {
  item: T;
  readonly priority: number;
  size: number;
  left: Node<T> | null;
  right: Node<T> | null;
}

export class OrderedSet<T extends object | number> {
  private root: Node<T> | null = null;
  /** The item at the front, kept at hand: it is what is asked for and taken out most. */
  private front: T | undefined = undefined;
  private seed = 0x2545f491;

  /**
   * @param compare negative when `a` stands before `b`; 0 only for the same item. What it reads of an
   *   item must not change while the item is in the set.
   */
  constructor(private readonly compare: (a: T, b: T) => number) {}

  get size(): number {
    return sizeOf(this.root);
  }

  /** Adds an item, which must not be in the set. */
  insert(item: T): void {
    const node: Node<T> = { item, priority: this.nextPriority(), size: 1, left: null, right: null };
    this.root = this.insertInto(this.root, node);
    if (this.front === undefined || this.compare(item, this.front) < 0) this.front = item;
  }

  /** Takes an item out, which must be in the set. */
  delete(item: T): void {
    if (item !== this.front) {
      this.root = this.deleteFrom(this.root, item);
      return;
    }
    this.root = deleteFirst(this.root as Node<T>);
    this.front = leftmost(this.root);
  }

  has(item: T): boolean {
    let node = this.root;
    while (node !== null) {
      const order = this.compare(item, node.item);
      if (order === 0) return true;
      node = order < 0 ? node.left : node.right;
    }
    return false;
  }

  /** The item at the front; undefined when the set is empty. */
  first(): T | undefined {
    return this.front;
  }

  /** The item that `index` others stand before; undefined when there are not that many. */
  at(index: number): T | undefined {
    let node = this.root;
    let ahead = index;
    while (node !== null) {
      const left = sizeOf(node.left);
      if (ahead === left) return node.item;
      if (ahead < left) node = node.left;
      else {
        ahead -= left + 1;
        node = node.right;
      }
    }
    return undefined;
  }

  /** How many items of the set stand before `item`, which itself need not be in it. */
  rank(item: T): number {
    let node = this.root;
    let before = 0;
    while (node !== null) {
      if (this.compare(node.item, item) < 0) {
        before += sizeOf(node.left) + 1;
        node = node.right;
      } else node = node.left;
    }
    return before;
  }

  /** All items from the front. The set must not change meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    const path: Node<T>[] = [];
    let node = this.root;
    while (node !== null || path.length > 0) {
      while (node !== null) {
        path.push(node);
        node = node.left;
      }
      const next = path.pop() as Node<T>;
      yield next.item;
      node = next.right;
    }
  }

  /** Marsaglia's 32-bit xorshift: spreads well enough to keep the tree flat. */
  private nextPriority(): number {
    let x = this.seed;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.seed = x;
    return x;
  }

  private insertInto(node: Node<T> | null, added: Node<T>): Node<T> {
    if (node === null) return added;
    const order = this.compare(added.item, node.item);
    assert(order !== 0, 'an item is inserted into a set once');
    if (added.priority > node.priority) {
      [added.left, added.right] = this.split(node, added.item);
      resize(added);
      return added;
    }
    if (order < 0) node.left = this.insertInto(node.left, added);
    else node.right = this.insertInto(node.right, added);
    node.size++;
    return node;
  }

  /** What stands before `item` in the tree under `node`, and what after it. */
  private split(node: Node<T> | null, item: T): [Node<T> | null, Node<T> | null] {
    if (node === null) return [null, null];
    const order = this.compare(item, node.item);
    assert(order !== 0, 'an item is inserted into a set once');
    if (order < 0) {
      const parts = this.split(node.left, item);
      node.left = parts[1];
      resize(node);
      parts[1] = node;
      return parts;
    }
    const parts = this.split(node.right, item);
    node.right = parts[0];
    resize(node);
    parts[0] = node;
    return parts;
  }

  private deleteFrom(node: Node<T> | null, item: T): Node<T> | null {
    assert(node !== null, 'an item that is deleted is in the set');
    const order = this.compare(item, node.item);
    if (order === 0) return merge(node.left, node.right);
    if (order < 0) node.left = this.deleteFrom(node.left, item);
    else node.right = this.deleteFrom(node.right, item);
    node.size--;
    return node;
  }
}

function sizeOf<T>(node: Node<T> | null): number {
  return node === null ? 0 : node.size;
}

function resize<T>(node: Node<T>): void {
  node.size = sizeOf(node.left) + sizeOf(node.right) + 1;
}

function leftmost<T>(root: Node<T> | null): T | undefined {
  let node = root;
  while (node !== null && node.left !== null) node = node.left;
  return node?.item;
}

/** The tree without its first item, found without comparing any. */
function deleteFirst<T>(root: Node<T>): Node<T> | null {
  if (root.left === null) return root.right;
  let node = root;
  node.size--;
  while (node.left !== null && node.left.left !== null) {
    node = node.left;
    node.size--;
  }
  node.left = (node.left as Node<T>).right;
  return root;
}

/** Joins two trees of which all of `left` stands before all of `right`. */
function merge<T>(left: Node<T> | null, right: Node<T> | null): Node<T> | null {
  if (left === null) return right;
  if (right === null) return left;
  if (left.priority > right.priority) {
    left.right = merge(left.right, right);
    resize(left);
    return left;
  }
  right.left = merge(left, right.left);
  resize(right);
  return right;
}
