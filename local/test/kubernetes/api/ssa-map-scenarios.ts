import type { Scenario } from './ssa-world.ts';

export const MAP_SCENARIOS: readonly Scenario[] = [
  {
    name: 'the first applier owns what it names',
    steps: [{ apply: 'a', object: { text: 'x', number: 1 } }],
    object: { text: 'x', number: 1 },
    owners: { '*a': ['.text', '.number'] },
  },
  {
    name: 'applying the same again changes nothing',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'a', object: { text: 'x' } },
    ],
    object: { text: 'x' },
    owners: { '*a': ['.text'] },
  },
  {
    name: 'an applier changes its own field',
    steps: [
      { apply: 'a', object: { number: 1 } },
      { apply: 'a', object: { number: 2 } },
    ],
    object: { number: 2 },
    owners: { '*a': ['.number'] },
  },
  {
    name: 'a field that is no longer applied goes away',
    steps: [
      { apply: 'a', object: { text: 'x', number: 1 } },
      { apply: 'a', object: { text: 'x' } },
    ],
    object: { text: 'x' },
    owners: { '*a': ['.text'] },
  },
  {
    name: 'applying nothing takes everything away',
    steps: [
      { apply: 'a', object: { text: 'x', number: 1 } },
      { apply: 'a', object: {} },
    ],
    object: {},
    owners: {},
  },
  {
    name: 'two appliers of different fields do not meet',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'b', object: { number: 1 } },
    ],
    object: { text: 'x', number: 1 },
    owners: { '*a': ['.text'], '*b': ['.number'] },
  },
  {
    name: 'two appliers of the same value share it',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'b', object: { text: 'x' } },
    ],
    object: { text: 'x' },
    owners: { '*a': ['.text'], '*b': ['.text'] },
  },
  {
    name: 'another value of somebody else is a conflict and changes nothing',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'b', object: { text: 'y', number: 1 }, conflicts: ['.text'] },
    ],
    object: { text: 'x' },
    owners: { '*a': ['.text'] },
  },
  {
    name: 'force takes a field over',
    steps: [
      { apply: 'a', object: { text: 'x', number: 1 } },
      { apply: 'b', object: { text: 'y' }, force: true },
    ],
    object: { text: 'y', number: 1 },
    owners: { '*a': ['.number'], '*b': ['.text'] },
  },
  {
    name: 'the loser of a forced field that applies again is in conflict',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'b', object: { text: 'y' }, force: true },
      { apply: 'a', object: { text: 'x' }, conflicts: ['.text'] },
    ],
    object: { text: 'y' },
    owners: { '*b': ['.text'] },
  },
  {
    name: 'a shared field stays when one of its owners drops it',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'b', object: { text: 'x', number: 1 } },
      { apply: 'a', object: {} },
    ],
    object: { text: 'x', number: 1 },
    owners: { '*b': ['.text', '.number'] },
  },
  {
    name: 'a shared field goes when the last of its owners drops it',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'b', object: { text: 'x' } },
      { apply: 'a', object: {} },
      { apply: 'b', object: {} },
    ],
    object: {},
    owners: {},
  },
  {
    name: 'a change of a shared field is a conflict with the other owner',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'b', object: { text: 'x' } },
      { apply: 'a', object: { text: 'y' }, conflicts: ['.text'] },
    ],
    object: { text: 'x' },
    owners: { '*a': ['.text'], '*b': ['.text'] },
  },
  {
    name: 'each owner of several is named in the conflict',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'b', object: { text: 'x', number: 1 } },
      { apply: 'c', object: { text: 'y', number: 2 }, conflicts: ['.number', '.text', '.text'] },
    ],
    object: { text: 'x', number: 1 },
    owners: { '*a': ['.text'], '*b': ['.text', '.number'] },
  },
  {
    name: 'an updater owns what it set',
    steps: [{ update: 'u', object: { text: 'x', number: 1 } }],
    object: { text: 'x', number: 1 },
    owners: { u: ['.text', '.number'] },
  },
  {
    name: 'an updater takes what it changes, without asking',
    steps: [
      { apply: 'a', object: { text: 'x', number: 1 } },
      { update: 'u', object: { text: 'y', number: 1 } },
    ],
    object: { text: 'y', number: 1 },
    owners: { '*a': ['.number'], u: ['.text'] },
  },
  {
    name: 'an updater does not own what it left as it was',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { update: 'u', object: { text: 'x', flag: true } },
    ],
    object: { text: 'x', flag: true },
    owners: { '*a': ['.text'], u: ['.flag'] },
  },
  {
    name: 'an updater that removes a field takes it from its owner',
    steps: [
      { apply: 'a', object: { text: 'x', number: 1 } },
      { update: 'u', object: { text: 'x' } },
    ],
    object: { text: 'x' },
    owners: { '*a': ['.text'] },
  },
  {
    name: 'an updater loses what it removes itself',
    steps: [
      { update: 'u', object: { text: 'x', number: 1 } },
      { update: 'u', object: { text: 'x' } },
    ],
    object: { text: 'x' },
    owners: { u: ['.text'] },
  },
  {
    name: 'an applier is in conflict with an updater over another value',
    steps: [
      { apply: 'a', object: { number: 1 } },
      { update: 'scaler', object: { number: 5 } },
      { apply: 'a', object: { number: 1 }, conflicts: ['.number'] },
    ],
    object: { number: 5 },
    owners: { scaler: ['.number'] },
  },
  {
    name: 'an applier that leaves out what an updater took keeps it alive',
    steps: [
      { apply: 'a', object: { text: 'x', number: 1 } },
      { update: 'scaler', object: { text: 'x', number: 5 } },
      { apply: 'a', object: { text: 'x' } },
    ],
    object: { text: 'x', number: 5 },
    owners: { '*a': ['.text'], scaler: ['.number'] },
  },
  {
    name: 'an applier may name the value an updater has set, and shares it',
    steps: [
      { update: 'u', object: { number: 5 } },
      { apply: 'a', object: { number: 5 } },
    ],
    object: { number: 5 },
    owners: { '*a': ['.number'], u: ['.number'] },
  },
  {
    name: 'an applier and an updater of one name are two managers',
    steps: [
      { update: 'k', object: { text: 'x' } },
      { apply: 'k', object: { text: 'y' }, conflicts: ['.text'] },
    ],
    object: { text: 'x' },
    owners: { k: ['.text'] },
  },
  {
    name: 'members of a struct have owners of their own',
    steps: [
      { apply: 'a', object: { struct: { a: 1 } } },
      { apply: 'b', object: { struct: { b: 2 } } },
    ],
    object: { struct: { a: 1, b: 2 } },
    owners: { '*a': ['.struct.a'], '*b': ['.struct.b'] },
  },
  {
    name: 'dropping one member of a struct keeps the others',
    steps: [
      { apply: 'a', object: { struct: { a: 1, b: 2 } } },
      { apply: 'a', object: { struct: { b: 2 } } },
    ],
    object: { struct: { b: 2 } },
    owners: { '*a': ['.struct.b'] },
  },
  {
    name: 'dropping a struct takes it away whole when nobody else has a part in it',
    steps: [
      { apply: 'a', object: { text: 'x', struct: { a: 1, inner: { x: 'q' } } } },
      { apply: 'a', object: { text: 'x' } },
    ],
    object: { text: 'x' },
    owners: { '*a': ['.text'] },
  },
  {
    name: 'dropping a struct keeps what somebody else has in it',
    steps: [
      { apply: 'a', object: { struct: { a: 1, inner: { x: 'q' } } } },
      { apply: 'b', object: { struct: { inner: { y: 'r' } } } },
      { apply: 'a', object: {} },
    ],
    object: { struct: { inner: { y: 'r' } } },
    owners: { '*b': ['.struct.inner.y'] },
  },
  {
    name: 'a deep member is named by its path in a conflict',
    steps: [
      { apply: 'a', object: { struct: { inner: { x: 'q' } } } },
      { apply: 'b', object: { struct: { inner: { x: 'r' } } }, conflicts: ['.struct.inner.x'] },
    ],
    object: { struct: { inner: { x: 'q' } } },
    owners: { '*a': ['.struct.inner.x'] },
  },
  {
    name: 'an empty struct is owned as such',
    steps: [{ apply: 'a', object: { struct: {} } }],
    object: { struct: {} },
    owners: { '*a': ['.struct'] },
  },
  {
    name: 'an atomic struct is replaced as a whole by its owner',
    steps: [
      { apply: 'a', object: { atomicStruct: { a: 1, b: 2 } } },
      { apply: 'a', object: { atomicStruct: { a: 3 } } },
    ],
    object: { atomicStruct: { a: 3 } },
    owners: { '*a': ['.atomicStruct'] },
  },
  {
    name: 'a part of an atomic struct of somebody else is a conflict over the whole',
    steps: [
      { apply: 'a', object: { atomicStruct: { a: 1 } } },
      { apply: 'b', object: { atomicStruct: { b: 2 } }, conflicts: ['.atomicStruct'] },
    ],
    object: { atomicStruct: { a: 1 } },
    owners: { '*a': ['.atomicStruct'] },
  },
  {
    name: 'force replaces an atomic struct',
    steps: [
      { apply: 'a', object: { atomicStruct: { a: 1 } } },
      { apply: 'b', object: { atomicStruct: { b: 2 } }, force: true },
    ],
    object: { atomicStruct: { b: 2 } },
    owners: { '*b': ['.atomicStruct'] },
  },
  {
    name: 'keys of a free map have owners of their own',
    steps: [
      { apply: 'a', object: { labels: { one: '1' } } },
      { apply: 'b', object: { labels: { two: '2' } } },
    ],
    object: { labels: { one: '1', two: '2' } },
    owners: { '*a': ['.labels.one'], '*b': ['.labels.two'] },
  },
  {
    name: 'a dropped key of a free map goes, that of another stays',
    steps: [
      { apply: 'a', object: { labels: { one: '1' } } },
      { update: 'u', object: { labels: { one: '1', two: '2' } } },
      { apply: 'a', object: { labels: {} } },
    ],
    object: { labels: { two: '2' } },
    owners: { '*a': ['.labels'], u: ['.labels.two'] },
  },
  {
    name: 'another value of a key is a conflict over that key',
    steps: [
      { apply: 'a', object: { labels: { one: '1' } } },
      { apply: 'b', object: { labels: { one: '2', two: '2' } }, conflicts: ['.labels.one'] },
    ],
    object: { labels: { one: '1' } },
    owners: { '*a': ['.labels.one'] },
  },
  {
    name: 'an entry of a map of structs belongs, with its members, to who made it',
    steps: [{ apply: 'a', object: { table: { k: { a: 1 } } } }],
    object: { table: { k: { a: 1 } } },
    owners: { '*a': ['.table.k', '.table.k.a'] },
  },
  {
    name: 'two appliers share an entry of a map of structs and each has a member',
    steps: [
      { apply: 'a', object: { table: { k: { a: 1 } } } },
      { apply: 'b', object: { table: { k: { b: 2 } } } },
      { apply: 'a', object: {} },
    ],
    object: { table: { k: { b: 2 } } },
    owners: { '*b': ['.table.k', '.table.k.b'] },
  },
  {
    name: 'an undeclared object merges member by member',
    steps: [
      { apply: 'a', object: { free: { one: { x: 1 } } } },
      { apply: 'b', object: { free: { one: { y: 2 } } } },
    ],
    object: { free: { one: { x: 1, y: 2 } } },
    owners: { '*a': ['.free.one', '.free.one.x'], '*b': ['.free.one', '.free.one.y'] },
  },
  {
    name: 'an undeclared list is one value',
    steps: [
      { apply: 'a', object: { free: { items: [1, 2] } } },
      { apply: 'b', object: { free: { items: [3] } }, conflicts: ['.free.items'] },
    ],
    object: { free: { items: [1, 2] } },
    owners: { '*a': ['.free.items'] },
  },
  {
    name: 'values that are equal however they are written are no conflict',
    steps: [
      { apply: 'a', object: { atomicStruct: { a: 1, b: 2 } } },
      { apply: 'b', object: { atomicStruct: { b: 2, a: 1 } } },
    ],
    object: { atomicStruct: { a: 1, b: 2 } },
    owners: { '*a': ['.atomicStruct'], '*b': ['.atomicStruct'] },
  },
  {
    name: 'a false flag is a value, not an absence',
    steps: [
      { apply: 'a', object: { flag: true } },
      { apply: 'b', object: { flag: false }, conflicts: ['.flag'] },
    ],
    object: { flag: true },
    owners: { '*a': ['.flag'] },
  },
  {
    name: 'an explicit null is a value, for validation to refuse, and is owned',
    steps: [
      { apply: 'a', object: { text: 'x' } },
      { apply: 'a', object: { text: null } },
    ],
    object: { text: null },
    owners: { '*a': ['.text'] },
  },
];
