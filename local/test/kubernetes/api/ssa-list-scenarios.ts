import type { Scenario } from './ssa-world.ts';

const item = (name: string, ...fields: readonly string[]): readonly string[] =>
  ['', '.name', ...fields].map((field) => `.list[name="${name}"]${field}`);

export const LIST_SCENARIOS: readonly Scenario[] = [
  {
    name: 'an atomic list is one value',
    steps: [{ apply: 'a', object: { atomicList: ['x', 'y'] } }],
    object: { atomicList: ['x', 'y'] },
    owners: { '*a': ['.atomicList'] },
  },
  {
    name: 'an applier replaces its atomic list',
    steps: [
      { apply: 'a', object: { atomicList: ['x', 'y'] } },
      { apply: 'a', object: { atomicList: ['z'] } },
    ],
    object: { atomicList: ['z'] },
    owners: { '*a': ['.atomicList'] },
  },
  {
    name: 'another order of an atomic list is another value',
    steps: [
      { apply: 'a', object: { atomicList: ['x', 'y'] } },
      { apply: 'b', object: { atomicList: ['y', 'x'] }, conflicts: ['.atomicList'] },
    ],
    object: { atomicList: ['x', 'y'] },
    owners: { '*a': ['.atomicList'] },
  },
  {
    name: 'a dropped atomic list goes away',
    steps: [
      { apply: 'a', object: { text: 'x', atomicList: ['x'] } },
      { apply: 'a', object: { text: 'x' } },
    ],
    object: { text: 'x' },
    owners: { '*a': ['.text'] },
  },
  {
    name: 'items of a set have owners of their own',
    steps: [
      { apply: 'a', object: { set: ['x'] } },
      { apply: 'b', object: { set: ['y'] } },
    ],
    object: { set: ['x', 'y'] },
    owners: { '*a': ['.set[="x"]'], '*b': ['.set[="y"]'] },
  },
  {
    name: 'two appliers share an item of a set',
    steps: [
      { apply: 'a', object: { set: ['x', 'y'] } },
      { apply: 'b', object: { set: ['y', 'z'] } },
    ],
    object: { set: ['x', 'y', 'z'] },
    owners: { '*a': ['.set[="x"]', '.set[="y"]'], '*b': ['.set[="y"]', '.set[="z"]'] },
  },
  {
    name: 'a dropped item of a set goes away',
    steps: [
      { apply: 'a', object: { set: ['x', 'y', 'z'] } },
      { apply: 'a', object: { set: ['x', 'z'] } },
    ],
    object: { set: ['x', 'z'] },
    owners: { '*a': ['.set[="x"]', '.set[="z"]'] },
  },
  {
    name: 'a dropped item of a set stays while somebody else has it',
    steps: [
      { apply: 'a', object: { set: ['x', 'y'] } },
      { apply: 'b', object: { set: ['y'] } },
      { apply: 'a', object: { set: ['x'] } },
    ],
    object: { set: ['x', 'y'] },
    owners: { '*a': ['.set[="x"]'], '*b': ['.set[="y"]'] },
  },
  {
    name: 'the applier decides the order of a set',
    steps: [
      { apply: 'a', object: { set: ['x', 'y'] } },
      { apply: 'a', object: { set: ['y', 'x'] } },
    ],
    object: { set: ['y', 'x'] },
    owners: { '*a': ['.set[="x"]', '.set[="y"]'] },
  },
  {
    name: 'a set never makes a conflict',
    steps: [
      { update: 'u', object: { set: ['x'] } },
      { apply: 'a', object: { set: ['y', 'x'] } },
    ],
    object: { set: ['y', 'x'] },
    owners: { '*a': ['.set[="x"]', '.set[="y"]'], u: ['.set', '.set[="x"]'] },
  },
  {
    name: 'a whole set that is dropped goes away',
    steps: [
      { apply: 'a', object: { text: 'x', set: ['x', 'y'] } },
      { apply: 'a', object: { text: 'x' } },
    ],
    object: { text: 'x' },
    owners: { '*a': ['.text'] },
  },
  {
    name: 'a set of numbers is told apart from texts',
    steps: [{ apply: 'a', object: { numbers: [1, 2] } }],
    object: { numbers: [1, 2] },
    owners: { '*a': ['.numbers[=1]', '.numbers[=2]'] },
  },
  {
    name: 'an updater that removes an item of a set takes it from its owner',
    steps: [
      { apply: 'a', object: { set: ['x', 'y'] } },
      { update: 'u', object: { set: ['y'] } },
    ],
    object: { set: ['y'] },
    owners: { '*a': ['.set[="y"]'] },
  },
  {
    name: 'an item of a keyed list is owned with its members',
    steps: [{ apply: 'a', object: { list: [{ name: 'x', value: 1 }] } }],
    object: { list: [{ name: 'x', value: 1 }] },
    owners: { '*a': item('x', '.value') },
  },
  {
    name: 'two appliers add items to a keyed list',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1 }] } },
      { apply: 'b', object: { list: [{ name: 'y', value: 2 }] } },
    ],
    object: {
      list: [
        { name: 'x', value: 1 },
        { name: 'y', value: 2 },
      ],
    },
    owners: { '*a': item('x', '.value'), '*b': item('y', '.value') },
  },
  {
    name: 'two appliers each set a member of the same item',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1 }] } },
      { apply: 'b', object: { list: [{ name: 'x', other: 2 }] } },
    ],
    object: { list: [{ name: 'x', value: 1, other: 2 }] },
    owners: { '*a': item('x', '.value'), '*b': item('x', '.other') },
  },
  {
    name: 'another value in an item of somebody else is a conflict',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1 }] } },
      { apply: 'b', object: { list: [{ name: 'x', value: 2 }] }, conflicts: ['.list[name="x"].value'] },
    ],
    object: { list: [{ name: 'x', value: 1 }] },
    owners: { '*a': item('x', '.value') },
  },
  {
    name: 'force takes one member of an item over',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1, other: 1 }] } },
      { apply: 'b', object: { list: [{ name: 'x', value: 2 }] }, force: true },
    ],
    object: { list: [{ name: 'x', value: 2, other: 1 }] },
    owners: { '*a': item('x', '.other'), '*b': item('x', '.value') },
  },
  {
    name: 'a dropped item of a keyed list goes away',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1 }, { name: 'y' }] } },
      { apply: 'a', object: { list: [{ name: 'y' }] } },
    ],
    object: { list: [{ name: 'y' }] },
    owners: { '*a': item('y') },
  },
  {
    name: 'a dropped member of an item goes away, the item stays',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1, other: 2 }] } },
      { apply: 'a', object: { list: [{ name: 'x', other: 2 }] } },
    ],
    object: { list: [{ name: 'x', other: 2 }] },
    owners: { '*a': item('x', '.other') },
  },
  {
    name: 'an item that both have stays when one drops it, without the members of that one',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1 }] } },
      { apply: 'b', object: { list: [{ name: 'x', other: 2 }] } },
      { apply: 'a', object: {} },
    ],
    object: { list: [{ name: 'x', other: 2 }] },
    owners: { '*b': item('x', '.other') },
  },
  {
    name: 'an item goes with its maker although an updater has set a member of it, and what held it is null',
    steps: [
      { apply: 'a', object: { text: 't', list: [{ name: 'x', value: 1 }] } },
      { update: 'u', object: { text: 't', list: [{ name: 'x', value: 1, other: 9 }] } },
      { apply: 'a', object: { text: 't', list: [] } },
    ],
    object: { text: 't', list: null },
    owners: { '*a': ['.text'] },
  },
  {
    name: 'items that others added stay when an applier drops its list',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x' }] } },
      { update: 'sidecar', object: { list: [{ name: 'x' }, { name: 'injected', value: 7 }] } },
      { apply: 'a', object: {} },
    ],
    object: { list: [{ name: 'injected', value: 7 }] },
    owners: { sidecar: item('injected', '.value') },
  },
  {
    name: 'an updater that adds an item owns that item only',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1 }] } },
      {
        update: 'u',
        object: {
          list: [
            { name: 'x', value: 1 },
            { name: 'y', value: 2 },
          ],
        },
      },
    ],
    object: {
      list: [
        { name: 'x', value: 1 },
        { name: 'y', value: 2 },
      ],
    },
    owners: { '*a': item('x', '.value'), u: item('y', '.value') },
  },
  {
    name: 'an updater that removes an item takes it from its owner with all its members',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1 }, { name: 'y' }] } },
      { update: 'u', object: { list: [{ name: 'y' }] } },
    ],
    object: { list: [{ name: 'y' }] },
    owners: { '*a': item('y') },
  },
  {
    name: 'the applier decides the order of its items and others stay in front of what followed them',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x' }, { name: 'z' }] } },
      { update: 'u', object: { list: [{ name: 'x' }, { name: 'mine' }, { name: 'z' }] } },
      { apply: 'a', object: { list: [{ name: 'z' }, { name: 'x' }] } },
    ],
    object: { list: [{ name: 'mine' }, { name: 'z' }, { name: 'x' }] },
    owners: { '*a': [...item('x'), ...item('z')], u: item('mine') },
  },
  {
    name: 'items in front that only others have stay in front',
    steps: [
      { update: 'u', object: { list: [{ name: 'first' }] } },
      { apply: 'a', object: { list: [{ name: 'x' }] } },
    ],
    object: { list: [{ name: 'first' }, { name: 'x' }] },
    owners: { '*a': item('x'), u: ['.list', ...item('first')] },
  },
  {
    name: 'a list in an item is keyed by both of its keys',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', inner: [{ port: 80, protocol: 'TCP', target: 1 }] }] } },
      { apply: 'b', object: { list: [{ name: 'x', inner: [{ port: 80, protocol: 'UDP', target: 2 }] }] } },
    ],
    object: {
      list: [
        {
          name: 'x',
          inner: [
            { port: 80, protocol: 'TCP', target: 1 },
            { port: 80, protocol: 'UDP', target: 2 },
          ],
        },
      ],
    },
    owners: {
      '*a': [
        ...item('x'),
        ...['', '.port', '.protocol', '.target'].map((f) => `.list[name="x"].inner[port=80,protocol="TCP"]${f}`),
      ],
      '*b': [
        ...item('x'),
        ...['', '.port', '.protocol', '.target'].map((f) => `.list[name="x"].inner[port=80,protocol="UDP"]${f}`),
      ],
    },
  },
  {
    name: 'a key that is left out has its default',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', inner: [{ port: 80, protocol: 'TCP', target: 1 }] }] } },
      {
        apply: 'b',
        object: { list: [{ name: 'x', inner: [{ port: 80, target: 2 }] }] },
        conflicts: ['.list[name="x"].inner[port=80,protocol="TCP"].target'],
      },
    ],
    object: { list: [{ name: 'x', inner: [{ port: 80, protocol: 'TCP', target: 1 }] }] },
    owners: {
      '*a': [
        ...item('x'),
        ...['', '.port', '.protocol', '.target'].map((f) => `.list[name="x"].inner[port=80,protocol="TCP"]${f}`),
      ],
    },
  },
  {
    name: 'a conflict deep in lists names the whole path',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', inner: [{ port: 1, protocol: 'TCP', target: 1 }] }] } },
      {
        apply: 'b',
        object: { list: [{ name: 'x', inner: [{ port: 1, protocol: 'TCP', target: 2 }] }] },
        force: true,
      },
      {
        apply: 'a',
        object: { list: [{ name: 'x', inner: [{ port: 1, protocol: 'TCP', target: 1 }] }] },
        conflicts: ['.list[name="x"].inner[port=1,protocol="TCP"].target'],
      },
    ],
    object: { list: [{ name: 'x', inner: [{ port: 1, protocol: 'TCP', target: 2 }] }] },
    owners: {
      '*a': [
        ...item('x'),
        ...['', '.port', '.protocol'].map((f) => `.list[name="x"].inner[port=1,protocol="TCP"]${f}`),
      ],
      '*b': [
        ...item('x'),
        ...['', '.port', '.protocol', '.target'].map((f) => `.list[name="x"].inner[port=1,protocol="TCP"]${f}`),
      ],
    },
  },
  {
    name: 'renaming an item is a removal and an addition',
    steps: [
      { apply: 'a', object: { list: [{ name: 'x', value: 1 }] } },
      { apply: 'a', object: { list: [{ name: 'y', value: 1 }] } },
    ],
    object: { list: [{ name: 'y', value: 1 }] },
    owners: { '*a': item('y', '.value') },
  },
  {
    name: 'an empty keyed list owns nothing',
    steps: [{ apply: 'a', object: { text: 'x', list: [] } }],
    object: { text: 'x', list: [] },
    owners: { '*a': ['.text'] },
  },
];
