import { consumerMeasurement } from '../config/kata-cc.ts';
import type { Stage } from '../graph/stages.ts';
import type { ArmResource, DataPlaneStep } from '../graph/types.ts';
import { vaultType } from '../graph/ids.ts';
import { idOf } from '../graph/parts.ts';
import { sortedJson } from '../manifests/object.ts';
import { attestationHostOf } from './attestation-host.ts';
import { hasCode, problemOf } from './errors.ts';
import { textAt } from './json.ts';
import type { VaultKeyPort, VaultKeyState } from './ports.ts';
import type { Run } from './run.ts';
import { onceRoleWorks } from './vault-role.ts';

/** What is known of a key that only an attested consumer may get. */
export interface ReleaseKeyState {
  readonly step: DataPlaneStep;
  readonly name: string;
  /** `bound`: it is there with the policy that is wanted; `not-yet`: the role of the caller does not work yet. */
  readonly state: 'bound' | 'absent' | 'other-policy' | 'not-yet' | 'unknown';
  /** The release policy that it is made with, as JSON; undefined while the configuration does not say enough. */
  readonly policy: string | undefined;
}

/**
 * Releases the key to pods of one policy under one attestation service: genuine SEV-SNP, that policy, a utility VM that Azure
 * has signed, no debugging.
 */
function releasePolicyOf(attestationHost: string, measurement: string): string {
  const equal = (claim: string, equals: string): object => ({ claim, equals });
  const allOf = [
    equal('x-ms-attestation-type', 'sevsnpvm'),
    equal('x-ms-sevsnpvm-hostdata', measurement.toLowerCase()),
    equal('x-ms-compliance-status', 'azure-signed-katacc-uvm'),
    equal('x-ms-sevsnpvm-is-debuggable', 'false'),
  ];
  return JSON.stringify({ version: '1.0.0', anyOf: [{ authority: `https://${attestationHost}`, allOf }] });
}

/** Looks at the keys of a stage. */
export async function releaseKeyStates(run: Run, steps: readonly DataPlaneStep[]): Promise<readonly ReleaseKeyState[]> {
  const states: ReleaseKeyState[] = [];
  for (const step of steps) {
    const name = textAt(step.what, 'name');
    if (name === undefined) continue;
    const policy = await wantedPolicy(run);
    states.push({ step, name, policy, state: await stateOf(run, step, name, policy) });
  }
  return states;
}

async function wantedPolicy({ config, ports, resolved, signal }: Run): Promise<string | undefined> {
  const measurement = config.profile === 'kata-cc' ? consumerMeasurement(config) : undefined;
  const host = await attestationHostOf(ports.arm, config, resolved.subscriptionId, { signal });
  return measurement === undefined || host === undefined ? undefined : releasePolicyOf(host, measurement);
}

async function stateOf(
  run: Run,
  step: DataPlaneStep,
  name: string,
  policy: string | undefined,
): Promise<ReleaseKeyState['state']> {
  const { ports, signal } = run;
  if (!(await hasAddress(run))) return 'absent';
  const { keys } = ports.vault;
  if (keys === undefined) return 'unknown';
  try {
    const live = await keys.get(urlOf(step), name, { signal });
    if (live === undefined) return 'absent';
    // Without a wish any release policy will do; a key without one is no key for a consumer.
    return live.releasePolicy !== undefined && (policy === undefined || samePolicy(live.releasePolicy, policy))
      ? 'bound'
      : 'other-policy';
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    return hasCode(problem, new Set(['ForbiddenByRbac'])) ? 'not-yet' : 'unknown';
  }
}

/** A vault of this deployment that is not there yet has no address to ask at; an HSM is there already. */
async function hasAddress({ graph, ports, signal }: Pick<Run, 'graph' | 'ports' | 'signal'>): Promise<boolean> {
  const vault = graph.nodes.find((node): node is ArmResource => node.kind === 'arm' && node.type === vaultType);
  return vault === undefined || (await ports.arm.read(idOf(vault), vault.apiVersion, { signal })) !== undefined;
}

/** Whether the tool has something to do about a key. */
export function isMakeable({ state, policy }: ReleaseKeyState): boolean {
  return policy !== undefined && (state === 'absent' || state === 'not-yet');
}

/** What somebody has to do about a key; undefined when it is right, or made by an apply. */
export function releaseKeyWork(key: ReleaseKeyState): string | undefined {
  const { name, state, step } = key;
  if (state === 'bound' || isMakeable(key)) return undefined;
  const what = `the key ${name} in ${step.host}`;
  if (state === 'other-policy') {
    return `${what} is bound to another policy than that of the configuration: compare both with holdfast key policy, and change one of them`;
  }
  if (state === 'absent' || state === 'not-yet') {
    return `set policy.annotation to the consumer's policy (holdfast policy generate), or policy.measurement to its digest, and attestation.endpoint, then apply again: ${what} is made with it`;
  }
  return `${what} cannot be looked at from here: see that it exists with a release policy (holdfast key show)`;
}

/**
 * Makes a key as soon as the role of the caller works. A key that is there by now is left alone.
 * @throws DependencyError DEPLOYMENT_DEADLINE
 */
export async function makeReleaseKey(run: Run, stage: Stage, { step, name, policy }: ReleaseKeyState): Promise<void> {
  const { keys } = run.ports.vault;
  if (policy === undefined || keys === undefined) return;
  run.emit(stage.id, 'creating', { resource: step.id, detail: `${name} in ${step.host}` });
  await onceRoleWorks(run, stage.id, `the key ${name}`, () => getOrCreate(run, keys, urlOf(step), name, policy));
}

async function getOrCreate(
  { signal }: Run,
  keys: VaultKeyPort,
  url: string,
  name: string,
  releasePolicy: string,
): Promise<VaultKeyState> {
  const live = await keys.get(url, name, { signal });
  if (live !== undefined) return live;
  const operations = ['wrapKey', 'unwrapKey', 'encrypt', 'decrypt'];
  return await keys.create(url, name, { kind: 'RSA-HSM', sizeBits: 3072, operations, releasePolicy }, { signal });
}

/** The public part of the key, for whoever encrypts to the consumer; undefined while it cannot be read. */
export async function releasedPublicKey(
  run: Pick<Run, 'graph' | 'ports' | 'signal'>,
  step: DataPlaneStep,
): Promise<string | undefined> {
  const name = textAt(step.what, 'name');
  const { keys } = run.ports.vault;
  if (name === undefined || keys === undefined || !(await hasAddress(run))) return undefined;
  try {
    return (await keys.get(urlOf(step), name, { signal: run.signal }))?.publicKey;
  } catch (error) {
    // A vault that is not there yet, or does not answer to this caller: the manifests say what is missing.
    if (problemOf(error) === undefined) throw error;
    return undefined;
  }
}

function urlOf({ host }: DataPlaneStep): string {
  return `https://${host}`;
}

/** Services rewrite policies: order of members, a slash at the end of an authority. */
function samePolicy(a: string, b: string): boolean {
  const normal = (text: string): string | undefined => {
    try {
      return JSON.stringify(sortedJson(JSON.parse(text))).replaceAll(/("authority":"[^"]*?)\/"/g, '$1"');
    } catch {
      return undefined; // whatever it is, it is another one
    }
  };
  const [left, right] = [normal(a), normal(b)];
  return left !== undefined && left === right;
}
