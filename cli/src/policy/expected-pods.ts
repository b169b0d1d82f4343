import {
  configSources,
  generateCce,
  generateKata,
  predictedContainerOf,
  readArmTemplate,
  readCcePolicy,
  readManifests,
} from '@holdfast/policy';
import type { CceContainer, CceInput, KataPolicyData, PredictedContainer } from '@holdfast/policy';

import type { ImageFlags } from './image-flags.ts';
import type { CliIo } from '../context.ts';
import { kindNames, kindOf } from './document-kind.ts';
import { named } from './found-policies.ts';
import type { FoundPolicy } from './found-policies.ts';
import { kataImageNeeds } from './generate-kata.ts';
import { imagesOfPolicies } from './images-of-policy.ts';
import { readInputText, unreadable } from './input-file.ts';
import type { InputText } from './input-file.ts';
import { isObject, parsedJson } from './json-shape.ts';
import { loadKataRules, loadKataSettings } from './kata-settings.ts';
import { openImages } from './open-images.ts';
import type { Finding } from './terminal.ts';

/** How a deployment is predicted; shared by `verify` and `explain`. */
export interface PredictionFlags extends ImageFlags {
  readonly pull: boolean;
  readonly parameters?: string;
  readonly configMapFile?: readonly string[];
  readonly settingsFileName?: string;
}

/** The pods that a document starts, one for each policy it needs. */
export interface ExpectedPods<T> {
  readonly pods: readonly T[];
  /** What prediction found out on its way, by pod. */
  readonly findings: readonly Finding[];
  readonly assumptions: readonly string[];
}

/** The document of a deployment. */
export type DeploymentDocument = InputText & { readonly kind: 'arm' | 'manifests' };

/**
 * A text as the document of a deployment; undefined when it is something else.
 * @throws RequestError POLICY_INPUT_UNREADABLE, when `must` says that it has to be one
 */
export function deploymentDocument(input: InputText, must: boolean): DeploymentDocument | undefined {
  const kind = kindOf(input.text);
  if (kind === 'arm' || kind === 'manifests') return { ...input, kind };
  if (!must) return undefined;
  throw unreadable(input.name, `it is ${kindNames[kind]}, neither an ARM template nor Kubernetes manifests`);
}

const OFFLINE =
  'Image contents are taken from the policy itself; give --image-facts, --tar or --pull to compare them with the images.';
const FROM_POLICY = 'There is no deployment document: the containers are asked for as the policy describes them.';

/** The containers that a policy by itself describes, without the sandbox. */
export function containersOfPolicy(text: string): ExpectedPods<readonly PredictedContainer[]> {
  const containers = readCcePolicy(text).containers as unknown as readonly CceContainer[];
  const own = containers.filter(({ name, command }) => !(name === 'pause-container' || isPause(command)));
  return { pods: [own.map((container) => predictedContainerOf(container))], findings: [], assumptions: [FROM_POLICY] };
}

function isPause(command: readonly string[] | null): boolean {
  return command?.length === 1 && command[0] === '/pause';
}

/** The containers that a document will ask for under CCE policies, pod by pod. */
export async function expectedCcePods(
  io: CliIo,
  flags: PredictionFlags,
  document: DeploymentDocument,
  policies: readonly FoundPolicy[],
): Promise<ExpectedPods<readonly PredictedContainer[]>> {
  const input = await cceInput(io, flags, document);
  const secrets = secretValues(document, input);
  const texts = policies.flatMap(({ text }) => (text === undefined || text.trim() === '' ? [] : [text]));
  const live = flags.pull || flags.imageFacts !== undefined || flags.tar !== undefined;
  const opened = live ? await openImages(io, flags, { formats: ['ext4'], quiet: true }) : undefined;
  const offline = imagesOfPolicies(texts, document.text, document.kind === 'arm');
  try {
    const made = await generateCce(input, opened?.facts ?? offline.facts, { approveWildcards: true });
    await opened?.save();
    const findings = [...offline.unknown].map((image): Finding => ({
      code: 'CCE-IMAGE-UNKNOWN',
      severity: 'error',
      message: `no container of the policy is for the image ${image}; make a new policy for it`,
    }));
    return {
      pods: made.map(({ containers }) => containers.map((container) => predictedContainerOf(container, secrets))),
      findings,
      assumptions: live ? [] : [OFFLINE],
    };
  } catch (cause) {
    throw named(cause, document.name);
  } finally {
    await opened?.close();
  }
}

async function cceInput(io: CliIo, flags: PredictionFlags, document: DeploymentDocument): Promise<CceInput> {
  if (document.kind === 'arm') {
    const parameters = flags.parameters === undefined ? undefined : (await readInputText(io, flags.parameters)).text;
    // Refuses what is no template, or nested beyond reason, before anything walks through it.
    readArmTemplate(document.text, parameters);
    return { kind: 'arm', template: document.text, parameters };
  }
  return { kind: 'virtual-node', manifests: document.text, sources: await extraManifests(io, flags) };
}

async function extraManifests(io: CliIo, flags: PredictionFlags): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const path of flags.configMapFile ?? []) texts.push((await readInputText(io, path)).text);
  return texts;
}

/** Values that a deployment document calls secret. */
function secretValues(document: DeploymentDocument, input: CceInput): ReadonlySet<string> {
  const values = new Set<string>();
  if (input.kind === 'virtual-node') {
    const streams = [document.text, ...(input.sources ?? [])].map((text) => readManifests(text));
    for (const secret of configSources(...streams).secrets.values()) {
      for (const key of secret.keys) values.add(secret.value(key) ?? '');
    }
  } else collectSecureValues(parsedJson(document.text), values);
  values.delete('');
  return values;
}

function collectSecureValues(value: unknown, into: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collectSecureValues(item, into);
  else if (isObject(value)) {
    const secure = value['secureValue'];
    if (typeof secure === 'string' && !secure.startsWith('[')) into.add(secure);
    for (const member of Object.values(value)) collectSecureValues(member, into);
  }
}

/** What a document will ask for under Kata policies, pod by pod, as the data that a policy for it would have. */
export async function expectedKataPods(
  io: CliIo,
  flags: PredictionFlags,
  document: DeploymentDocument,
  profile: 'ms' | 'upstream',
): Promise<ExpectedPods<KataPolicyData>> {
  const opened = await openImages(io, flags, { ...kataImageNeeds(profile), quiet: true });
  try {
    const { policies } = await generateKata(document.text, {
      settings: await loadKataSettings(io, profile, flags.settingsFileName),
      rules: await loadKataRules(io, profile, undefined),
      imageFacts: opened.facts,
      extra: await extraManifests(io, flags),
      tolerateUnknownFields: true,
    });
    await opened.save();
    return { pods: policies.map(({ policyData }) => policyData), findings: [], assumptions: [] };
  } catch (cause) {
    throw named(cause, document.name);
  } finally {
    await opened.close();
  }
}
