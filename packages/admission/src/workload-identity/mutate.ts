import { denial, isDecision, podOf } from '../admission-review.ts';
import type { AdmissionDecision, AdmissionRequest, Mutation } from '../admission-review.ts';
import { entriesIn, isObject, objectIn, textIn } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';
import {
  annotationsOf,
  CLIENT_ID,
  expirationSeconds,
  proxyPort,
  skippedContainers,
  TENANT_ID,
  wantsEndpoint,
  wantsProxy,
} from './annotations.ts';
import { withProxy } from './proxy-containers.ts';
import type { ContainerLists } from './proxy-containers.ts';
import type { CustomTokenEndpoint, WorkloadIdentitySettings } from './settings.ts';
import { nameForHash, tokenVolume, withTokenMount, withTokenVolume } from './token-volume.ts';
import type { TokenVolume } from './token-volume.ts';

/** Reads a service account; undefined when there is none of that name. Any other failure is thrown. */
export type ReadServiceAccount = (namespace: string, name: string) => Promise<JsonObject | undefined>;

/**
 * The workload identity mutation: pods get their service account's token as a file and the variables with which the Azure
 * SDKs find it. Behaves as azure-workload-identity 1.6 does, whichever pod it is asked about: the label is the object
 * selector's business.
 */
export function workloadIdentityMutation(
  settings: WorkloadIdentitySettings,
  readServiceAccount: ReadServiceAccount,
): Mutation {
  return async (request) => {
    const pod = podOf(request);
    if (isDecision(pod)) return pod;
    const name = textIn(pod['spec'], 'serviceAccountName') || 'default';
    let serviceAccount: JsonObject | undefined;
    try {
      serviceAccount = await readServiceAccount(request.namespace, name);
    } catch (error) {
      return denial(error instanceof Error ? error.message : String(error));
    }
    if (serviceAccount === undefined) return denial(`serviceaccounts ${JSON.stringify(name)} not found`);
    return mutate(request, pod, serviceAccount, settings);
  };
}

function mutate(
  request: AdmissionRequest,
  pod: JsonObject,
  serviceAccount: JsonObject,
  settings: WorkloadIdentitySettings,
): AdmissionDecision {
  const spec = objectIn(pod, 'spec');
  let lists: ContainerLists = {
    initContainers: entriesIn(spec, 'initContainers'),
    containers: entriesIn(spec, 'containers'),
  };
  if (wantsProxy(pod)) {
    if (spec['hostNetwork'] === true) return denial('hostNetwork is set to true, cannot inject proxy sidecar');
    const port = proxyPort(pod);
    if (typeof port !== 'number') return port;
    lists = withProxy(lists, settings.proxy, port);
  }
  const seconds = expirationSeconds(pod, serviceAccount);
  if (typeof seconds !== 'number') return seconds;
  const metadata = objectIn(pod, 'metadata');
  const { customEndpoint } = settings;
  const endpoint =
    customEndpoint !== undefined && wantsEndpoint(pod, customEndpoint.suffix) ? customEndpoint : undefined;
  const volume = tokenVolume({
    profile: settings.profile,
    nameForHash: nameForHash(metadata),
    audience: endpoint?.audience ?? settings.audience,
    expirationSeconds: seconds,
    endpoint,
  });
  const variables = variablesFor(serviceAccount, settings, volume, endpoint);
  const skipped = skippedContainers(pod);
  const inject = (container: Json): Json =>
    isObject(container) && !skipped.has(textIn(container, 'name') ?? '')
      ? withIdentity(container, variables, volume, settings)
      : container;
  const { initContainers } = lists;
  return {
    allowed: true,
    object: {
      ...pod,
      metadata: { ...metadata, namespace: request.namespace },
      spec: {
        ...spec,
        ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(inject) }),
        containers: lists.containers.map(inject),
        volumes: withTokenVolume(entriesIn(spec, 'volumes'), volume, settings.profile),
      },
    },
  };
}

/** The variables in the order in which they are appended; empty values are left out. */
function variablesFor(
  serviceAccount: JsonObject,
  settings: WorkloadIdentitySettings,
  volume: TokenVolume,
  endpoint: CustomTokenEndpoint | undefined,
): readonly (readonly [name: string, value: string])[] {
  const annotations = annotationsOf(serviceAccount);
  const ca = endpoint?.ca;
  const all: readonly (readonly [string, string])[] = [
    ['AZURE_CLIENT_ID', textIn(annotations, CLIENT_ID) ?? ''],
    // An annotation that is there wins even when it is empty.
    ['AZURE_TENANT_ID', textIn(annotations, TENANT_ID) ?? settings.tenantId],
    ['AZURE_FEDERATED_TOKEN_FILE', volume.tokenFile],
    ['AZURE_AUTHORITY_HOST', settings.authorityHost],
    ['AZURE_KUBERNETES_TOKEN_PROXY', endpoint?.tokenProxy ?? ''],
    ['AZURE_KUBERNETES_SNI_NAME', endpoint?.sniName ?? ''],
    ['AZURE_KUBERNETES_CA_FILE', ca === undefined || 'data' in ca ? '' : volume.caFile],
    ['AZURE_KUBERNETES_CA_DATA', ca !== undefined && 'data' in ca ? ca.data : ''],
  ];
  return all.filter(([, value]) => value !== '');
}

function withIdentity(
  container: JsonObject,
  variables: readonly (readonly [name: string, value: string])[],
  volume: TokenVolume,
  { profile }: WorkloadIdentitySettings,
): JsonObject {
  const env = entriesIn(container, 'env');
  const missing = variables.filter(([name]) => !env.some((variable) => textIn(variable, 'name') === name));
  const mounts = withTokenMount(entriesIn(container, 'volumeMounts'), volume, profile);
  return {
    ...container,
    env: [...env, ...missing.map(([name, value]) => ({ name, value }))],
    volumeMounts: mounts,
  };
}
