import { idOf } from '../graph/parts.ts';
import type { ArmResource } from '../graph/types.ts';
import { clusterRows } from './cluster-status.ts';
import { describeUnsettled, isComplete, lookAt } from './completion.ts';
import type { StageState } from './completion.ts';
import { numberAt, textAt } from './json.ts';
import { objectName } from './kubernetes-state.ts';
import type { ReleaseKeyState } from './release-key.ts';
import type { Run } from './run.ts';
import type { StatusRow, StatusState } from './status-row.ts';

export interface Status {
  readonly at: number;
  readonly state: 'absent' | 'degraded' | 'drift' | 'healthy';
  readonly rows: readonly StatusRow[];
}

/** What is there and how it is: subscription, resources, cluster, virtual node, operator, secret, health. Changes nothing. */
export async function status(run: Run): Promise<Status> {
  const rows: StatusRow[] = [];
  for (const stage of run.stages) {
    if (stage.id === 'S0') continue;
    const state = await lookAt(run, stage);
    rows.push(...stageRows(run, state));
  }
  rows.push(...(await clusterRows(run)), ...(await egressRows(run)));
  return { at: run.ports.clock(), state: overall(rows), rows };
}

function overall(rows: readonly StatusRow[]): Status['state'] {
  for (const state of ['absent', 'degraded', 'drift'] as const)
    if (rows.some((row) => row.state === state)) return state;
  return 'healthy';
}

function stageRows(run: Run, state: StageState): readonly StatusRow[] {
  const area = `${state.stage.id} ${state.stage.title}`;
  const rows: StatusRow[] = [];
  const pending = state.registrations.filter((each) => each.state !== 'Registered');
  if (state.registrations.length > 0) {
    const detail =
      pending.length === 0 ? 'all registered' : pending.map(({ name, state: seen }) => `${name} is ${seen}`).join(', ');
    rows.push({ area, name: 'registrations', state: pending.length === 0 ? 'healthy' : 'absent', detail });
  }
  for (const resource of state.resources) {
    const unsettled = describeUnsettled(resource);
    const { node, live, unready, adoptedId, upgrades } = resource;
    const note = upgrades.map(
      ({ path, live: there, wanted }) =>
        `${path} is ${JSON.stringify(there)}, configured is ${JSON.stringify(wanted)}: holdfast upgrade kubernetes`,
    );
    const seen: StatusState =
      live === undefined && adoptedId === undefined
        ? 'absent'
        : unready !== undefined
          ? 'degraded'
          : unsettled.length > 0
            ? 'drift'
            : 'healthy';
    rows.push({
      area,
      name: `${node.id} ${node.name}`,
      state: seen,
      detail: [...unsettled, ...note].join('; ') || 'as written',
    });
  }
  for (const { objects, open, set } of state.sets) {
    if (open !== undefined) {
      rows.push({ area, name: set.title, state: 'unknown', detail: open });
      continue;
    }
    for (const { object, change, live, fields } of objects) {
      const seen: StatusState = change === 'none' ? 'healthy' : live === undefined ? 'absent' : 'drift';
      const detail =
        change === 'none'
          ? 'as written'
          : live === undefined
            ? 'does not exist'
            : fields.map(({ path }) => path).join(', ');
      rows.push({ area, name: objectName(object), state: seen, detail });
    }
  }
  rows.push(...secretRows(run, area, state), ...keyRows(area, state));
  // What is missing has its own row; these are the tests beside it: running, ready, answering.
  const tests = state.stage.tests.filter(({ kind }) =>
    ['field', 'node-ready', 'workloads-ready', 'healthy'].includes(kind),
  );
  if (tests.length > 0 && !rows.some((row) => row.state === 'absent')) {
    const good = isComplete({ ...state, written: true });
    rows.push({
      area,
      name: 'state',
      state: good ? 'healthy' : 'degraded',
      detail: good ? state.stage.done : state.unmet.join('; '),
    });
  }
  return rows;
}

function keyRows(area: string, { keys }: StageState): readonly StatusRow[] {
  const states: Readonly<Record<ReleaseKeyState['state'], readonly [StatusState, string]>> = {
    bound: ['healthy', 'is released to the policy of the consumer'],
    absent: ['absent', 'does not exist'],
    'other-policy': ['drift', 'is released to another policy than the configured one'],
    'not-yet': ['unknown', 'the role of the caller on the vault does not work yet'],
    unknown: ['unknown', 'cannot be looked at from here'],
  };
  return keys.map(({ name, state }) => ({
    area,
    name: `key ${name}`,
    state: states[state][0],
    detail: states[state][1],
  }));
}

function secretRows(run: Run, area: string, state: StageState): readonly StatusRow[] {
  const { secret, resources } = state;
  if (secret === undefined) return [];
  const live = resources.find(({ node }) => node.type === 'Microsoft.KeyVault/vaults/secrets')?.live;
  const created = numberAt(live, 'properties.attributes.created');
  const age = created === undefined ? '' : `, ${Math.floor((run.ports.clock() / 1000 - created) / 86_400)} days old`;
  const states: Readonly<Record<typeof secret, readonly [StatusState, string]>> = {
    current: ['healthy', 'holds the key'],
    absent: ['absent', 'does not exist'],
    differs: ['drift', 'holds another key'],
    disabled: ['degraded', 'its current version is disabled'],
    unknown: ['information', 'the key was not given to compare it with'],
  };
  const [seen, detail] = states[secret];
  return [{ area, name: 'fingerprint', state: seen, detail: `${detail}${age}` }];
}

/** The address that others see, for their allow-lists. */
async function egressRows(run: Run): Promise<readonly StatusRow[]> {
  const addresses = run.graph.nodes.filter(
    (node): node is ArmResource => node.kind === 'arm' && node.type === 'Microsoft.Network/publicIPAddresses',
  );
  const rows: StatusRow[] = [];
  for (const node of addresses) {
    const live = await run.ports.arm.read(idOf(node), node.apiVersion, { signal: run.signal });
    const address = textAt(live, 'properties.ipAddress');
    if (address !== undefined)
      rows.push({ area: 'network', name: 'egress address', state: 'information', detail: address });
  }
  return rows;
}
