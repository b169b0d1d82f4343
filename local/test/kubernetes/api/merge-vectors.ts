import { isMap } from '../../../src/kubernetes/api/objects.ts';

type Json = Readonly<Record<string, unknown>>;

/** One write by one manager. Bodies of `apply`, `create` and `put` go without `apiVersion`, `kind` and name. */
export interface VectorStep {
  readonly by: string;
  readonly force?: true;
  readonly sub?: 'status' | 'scale';
  readonly apply?: Json;
  readonly create?: Json;
  readonly put?: Json;
  readonly merge?: Json;
  readonly strategic?: Json;
  readonly json?: readonly Json[];
}

export interface VectorScenario {
  readonly name: string;
  readonly kind: string;
  readonly steps: readonly VectorStep[];
}

/** What became of a step: the status of a refusal with its causes, otherwise whether anything changed. */
export type StepOutcome =
  | 'changed'
  | 'unchanged'
  | { readonly code: number; readonly reason: string; readonly causes: readonly string[] };

export interface ScenarioOutcome {
  readonly steps: readonly StepOutcome[];
  /** After each step; null while there is nothing. */
  readonly states: readonly (VectorState | null)[];
}

export interface VectorState {
  readonly object: Json;
  /** FieldsV1 by `manager operation subresource`. */
  readonly managers: Readonly<Record<string, unknown>>;
}

export interface VectorKind {
  readonly apiVersion: string;
  /** Of the collection. */
  readonly path: string;
}

/** Sends one request to an API server; `type` is the content type of the body. */
export type Send = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: { readonly type: string; readonly value: unknown },
) => Promise<{ readonly status: number; readonly body: unknown }>;

const PATCHES = [
  ['merge', 'application/merge-patch+json'],
  ['strategic', 'application/strategic-merge-patch+json'],
  ['json', 'application/json-patch+json'],
] as const;

/** Runs a scenario against an API server, on an object of this name. */
export async function runVector(
  scenario: VectorScenario,
  kind: VectorKind,
  name: string,
  send: Send,
): Promise<ScenarioOutcome> {
  const steps: StepOutcome[] = [];
  const states: (VectorState | null)[] = [];
  let live: Json | undefined;
  for (const step of scenario.steps) {
    const { status, body } = await sendStep(step, { scenario, kind, name, send, live });
    if (status >= 300) steps.push(refusalOf(status, body));
    else {
      const now = step.sub === 'scale' ? (await send('GET', `${kind.path}/${name}`)).body : body;
      const written = isMap(now) ? now : {};
      steps.push(versionOf(live) === versionOf(written) ? 'unchanged' : 'changed');
      live = written;
    }
    states.push(live === undefined ? null : stateOf(live));
  }
  return { steps, states };
}

interface StepContext {
  readonly scenario: VectorScenario;
  readonly kind: VectorKind;
  readonly name: string;
  readonly send: Send;
  readonly live: Json | undefined;
}

async function sendStep(step: VectorStep, context: StepContext): ReturnType<Send> {
  const { scenario, kind, name, send, live } = context;
  const url = `${kind.path}/${name}${step.sub === undefined ? '' : `/${step.sub}`}`;
  const query = `?fieldManager=${step.by}${step.force === true ? '&force=true' : ''}`;
  const namespace = kind.path.includes('/namespaces/') ? { namespace: 'default' } : {};
  const whole = (body: Json, more: Json = {}): Json => ({
    apiVersion: kind.apiVersion,
    kind: scenario.kind,
    ...body,
    metadata: { ...(isMap(body['metadata']) ? body['metadata'] : {}), name, ...namespace, ...more },
  });
  if (step.apply !== undefined) {
    return await send('PATCH', url + query, { type: 'application/apply-patch+yaml', value: whole(step.apply) });
  }
  if (step.create !== undefined) {
    return await send('POST', kind.path + query, { type: 'application/json', value: whole(step.create) });
  }
  if (step.put !== undefined) {
    const value = whole(step.put, { resourceVersion: versionOf(live) });
    return await send('PUT', url + query, { type: 'application/json', value });
  }
  const [member, type] = PATCHES.find(([one]) => step[one] !== undefined) ?? ['merge', 'application/json'];
  return await send('PATCH', url + query, { type, value: step[member] });
}

function versionOf(object: Json | undefined): unknown {
  return isMap(object?.['metadata']) ? object['metadata']['resourceVersion'] : undefined;
}

/** Causes as `message: field`, without the time that the server names in them. */
function refusalOf(code: number, body: unknown): StepOutcome {
  const status = isMap(body) ? body : {};
  const details = isMap(status['details']) ? status['details'] : {};
  const causes = Array.isArray(details['causes']) ? details['causes'].filter(isMap) : [];
  const isConflict = causes.some((cause) => cause['reason'] === 'FieldManagerConflict');
  return {
    code,
    reason: typeof status['reason'] === 'string' ? status['reason'] : '',
    // The API server names managers in random order.
    causes: [...new Set(causes.toSorted(isConflict ? byMessage : () => 0).map(showCause))],
  };
}

function showCause(cause: Json): string {
  const isConflict = cause['reason'] === 'FieldManagerConflict';
  const what = isConflict ? String(cause['message']).replace(/ at \d{4}-[\d:TZ-]+/, '') : String(cause['reason']);
  return `${what}: ${String(cause['field'])}`;
}

function byMessage(a: Json, b: Json): number {
  return String(a['message']) < String(b['message']) ? -1 : a['message'] === b['message'] ? 0 : 1;
}

const SERVER_MEMBERS = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'resourceVersion',
  'managedFields',
  'selfLink',
];
const ALLOCATED = ['clusterIP', 'clusterIPs', 'healthCheckNodePort'];

function stateOf(live: Json): VectorState {
  const object = structuredClone(live) as Record<string, unknown>;
  const metadata = isMap(object['metadata']) ? object['metadata'] : {};
  const entries = Array.isArray(metadata['managedFields']) ? metadata['managedFields'].filter(isMap) : [];
  const managers = entries.map((entry): [string, unknown] => {
    const parts = [entry['manager'], entry['operation'], entry['subresource']].filter((one) => typeof one === 'string');
    return [parts.join(' '), entry['fieldsV1']];
  });
  for (const name of SERVER_MEMBERS) delete metadata[name];
  for (const name of ['apiVersion', 'kind']) delete object[name];
  const spec = object['spec'];
  if (live['kind'] === 'Service' && isMap(spec)) {
    if (spec['clusterIP'] !== 'None') for (const name of ALLOCATED) delete spec[name];
    for (const port of Array.isArray(spec['ports']) ? spec['ports'].filter(isMap) : []) delete port['nodePort'];
  }
  // Filled in by an admission plugin of the API server, not by its defaults.
  if (live['kind'] === 'Pod' && isMap(spec) && spec['serviceAccountName'] === 'default') {
    for (const name of ['serviceAccountName', 'serviceAccount']) delete spec[name];
  }
  return { object, managers: Object.fromEntries(managers) };
}
