import { generateCce } from '@holdfast/policy';
import type { GeneratedCcePolicy, ImageFacts } from '@holdfast/policy';
import { stringify } from 'yaml';
import type { Document } from 'yaml';

import { OPERATOR_IMAGE, SKR_IMAGE } from '../images/service-images.ts';
import { IDENTITY_ANNOTATION, parseManifestDocuments, POLICY_ANNOTATION } from './manifest.ts';

const ENDORSEMENT_PATH = '/opt/confidential-containers/share/kata-containers/reference-info-base64';
const SKR = 'skr';
const OPERATOR = 'uid2-operator';
const OPERATOR_USER = 1000;

/** Where the operator of one local cloud finds its surroundings; everything in it may change from start to start. */
export interface OperatorEndpoints {
  readonly operatorPort: number;
  readonly metricsPort: number;
  readonly sidecarPort: number;
  /** Base URLs without a trailing slash. */
  readonly coreUrl: string;
  readonly optoutUrl: string;
  readonly attestationUrl: string;
  readonly vaultUrl: string;
}

export interface OperatorManifestOptions {
  readonly endpoints: OperatorEndpoints;
  readonly vaultName: string;
  readonly operatorKeySecretName: string;
  /** Resource id of the user-assigned identity that may read the vault. */
  readonly identity: string;
  /** Base64 of the policy text. */
  readonly policy: string;
}

type Variables = readonly (readonly [name: string, value: string])[];

/** The variables of the published manifest that never change, then those that say where things are on this machine. */
function operatorVariables(options: OperatorManifestOptions): Variables {
  return [
    ['VAULT_NAME', options.vaultName],
    ['OPERATOR_KEY_SECRET_NAME', options.operatorKeySecretName],
    ['DEPLOYMENT_ENVIRONMENT', 'integ'],
    // The launch checks want public host names without ports; loopback addresses can never pass them.
    ['SKIP_VALIDATIONS', 'true'],
    // Opt-outs reach a local operator within seconds instead of minutes.
    ['cloud_refresh_interval', '10'],
    ...operatorEndpointVariables(options.endpoints),
  ];
}

function operatorEndpointVariables(endpoints: OperatorEndpoints): Variables {
  return [
    ['CORE_BASE_URL', endpoints.coreUrl],
    ['OPTOUT_BASE_URL', endpoints.optoutUrl],
    ['maa_server_base_url', endpoints.attestationUrl],
    ['azure_vault_url', endpoints.vaultUrl],
    ['attestation_sidecar_url', `http://127.0.0.1:${endpoints.sidecarPort}`],
    ['http_host', '127.0.0.1'],
    ['http_port', String(endpoints.operatorPort)],
    ['metrics_port', String(endpoints.metricsPort)],
  ];
}

function sidecarVariables(endpoints: OperatorEndpoints): Variables {
  return [['Port', String(endpoints.sidecarPort)]];
}

/**
 * The operator's manifest: a Deployment with the attestation sidecar and the operator, and a Service, in the shape of the
 * AKS artefacts of the UID2 reference. Local differences: one replica, a readiness probe without the half minute of
 * initial delay, and more variables in the operator's environment.
 */
export function createOperatorManifest(options: OperatorManifestOptions): string {
  const labels = { 'app.kubernetes.io/name': 'operator' };
  const { operatorPort, metricsPort } = options.endpoints;
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'operator-deployment' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: {
          labels,
          annotations: {
            [POLICY_ANNOTATION]: options.policy,
            [IDENTITY_ANNOTATION]: options.identity,
            'microsoft.containerinstance.virtualnode.injectdns': 'false',
          },
        },
        spec: {
          containers: [
            {
              name: SKR,
              image: SKR_IMAGE,
              imagePullPolicy: 'Always',
              resources: {
                limits: { cpu: '2250m', memory: '2256Mi' },
                requests: { cpu: '100m', memory: '512Mi' },
              },
              env: variableList(sidecarVariables(options.endpoints)),
              volumeMounts: [{ name: 'endorsement-location', mountPath: ENDORSEMENT_PATH }],
              command: ['/skr.sh'],
            },
            {
              name: OPERATOR,
              image: OPERATOR_IMAGE,
              imagePullPolicy: 'Always',
              resources: { limits: { cpu: '6', memory: '24Gi' }, requests: { cpu: '6', memory: '24Gi' } },
              securityContext: { runAsUser: OPERATOR_USER },
              env: variableList(operatorVariables(options)),
              ports: [
                { containerPort: operatorPort, protocol: 'TCP' },
                { name: 'prometheus', containerPort: metricsPort, protocol: 'TCP' },
              ],
              readinessProbe: {
                httpGet: { path: '/ops/healthcheck', port: operatorPort, scheme: 'HTTP' },
                failureThreshold: 3,
                initialDelaySeconds: 0,
                periodSeconds: 1,
                successThreshold: 1,
                timeoutSeconds: 1,
              },
            },
          ],
          nodeSelector: { virtualization: 'virtualnode2' },
          tolerations: [{ effect: 'NoSchedule', key: 'virtual-kubelet.io/provider', operator: 'Exists' }],
          volumes: [{ name: 'endorsement-location', hostPath: { path: ENDORSEMENT_PATH } }],
        },
      },
    },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'operator-svc' },
    spec: {
      type: 'LoadBalancer',
      selector: labels,
      ports: [{ protocol: 'TCP', port: 80, targetPort: operatorPort }],
    },
  };
  const text = [deployment, service].map((document) => stringify(document, { lineWidth: 0 })).join('---\n');
  return `# Made by holdfast up. Addresses are updated at each start; everything else, the policy above all, stays as you leave it.\n${text}`;
}

/** What of an existing manifest is written anew. */
export interface OperatorManifestUpdate {
  readonly endpoints: OperatorEndpoints;
  /** Base64 of a policy that takes the place of the one there; the policy stays when missing. */
  readonly policy?: string;
}

/**
 * Writes the current addresses into an existing manifest and leaves all else, comments and annotations included, as it is.
 * @throws MalformedError MANIFEST_INVALID when the text is no YAML or the operator's container is missing
 */
export function updateOperatorManifest(text: string, { endpoints, policy }: OperatorManifestUpdate): string {
  const documents = parseManifestDocuments(text);
  for (const document of documents) {
    const kind = document.get('kind');
    if (kind === 'Deployment') updateDeployment(document, endpoints);
    if (kind === 'Deployment' && policy !== undefined) document.setIn([...POLICY_PATH, POLICY_ANNOTATION], policy);
    if (kind === 'Service') setIfPresent(document, ['spec', 'ports', 0, 'targetPort'], endpoints.operatorPort);
  }
  return documents.map((document) => document.toString({ lineWidth: 0 })).join('');
}

const POLICY_PATH = ['spec', 'template', 'metadata', 'annotations'];

/** The policy that a manifest carries, Base64; undefined when it has none. */
export function policyOfManifest(text: string): string | undefined {
  const deployment = parseManifestDocuments(text).find((document) => document.get('kind') === 'Deployment');
  const policy = deployment?.getIn([...POLICY_PATH, POLICY_ANNOTATION]);
  return typeof policy === 'string' ? policy : undefined;
}

function updateDeployment(document: Document, endpoints: OperatorEndpoints): void {
  const containers = ['spec', 'template', 'spec', 'containers'];
  const list = document.getIn(containers);
  const count = typeof list === 'object' && list !== null && 'items' in list ? (list.items as unknown[]).length : 0;
  for (let index = 0; index < count; index += 1) {
    const at = [...containers, index];
    const name = document.getIn([...at, 'name']);
    if (name === SKR) setVariables(document, [...at, 'env'], sidecarVariables(endpoints));
    if (name !== OPERATOR) continue;
    setVariables(document, [...at, 'env'], operatorEndpointVariables(endpoints));
    setIfPresent(document, [...at, 'ports', 0, 'containerPort'], endpoints.operatorPort);
    setIfPresent(document, [...at, 'ports', 1, 'containerPort'], endpoints.metricsPort);
    setIfPresent(document, [...at, 'readinessProbe', 'httpGet', 'port'], endpoints.operatorPort);
  }
}

/** Sets the value of each variable that the list already has; a variable somebody removed stays removed. */
function setVariables(document: Document, env: readonly (string | number)[], variables: Variables): void {
  const values = new Map(variables);
  for (let index = 0; document.hasIn([...env, index]); index += 1) {
    const value = values.get(String(document.getIn([...env, index, 'name'])));
    if (value !== undefined && document.getIn([...env, index, 'value']) !== value) {
      document.setIn([...env, index, 'value'], value);
    }
  }
}

function setIfPresent(document: Document, path: readonly (string | number)[], value: unknown): void {
  if (document.hasIn(path)) document.setIn(path, value);
}

function variableList(variables: Variables): { readonly name: string; readonly value: string }[] {
  return variables.map(([name, value]) => ({ name, value }));
}

/**
 * The policy for the operator's pod, made by the product's own generator. Values that differ between machines and starts
 * (addresses, ports, folders) are patterns, so that the measurement does not depend on them; the names of vault, secret and
 * environment are patterns too. As in the published policy no variable is dropped: one that no rule admits is a denial.
 * @param images Facts of the two images.
 */
export async function createOperatorPolicy(images: readonly ImageFacts[]): Promise<GeneratedCcePolicy> {
  const config = {
    version: '1.0',
    scenario: 'vn2',
    containers: [
      {
        name: SKR,
        properties: {
          image: SKR_IMAGE,
          command: ['/skr.sh'],
          environmentVariables: [pattern('Port', '[0-9]+')],
          volumeMounts: [{ name: 'endorsement-location', mountPath: ENDORSEMENT_PATH, mountType: 'emptyDir' }],
        },
      },
      {
        name: OPERATOR,
        properties: {
          image: OPERATOR_IMAGE,
          securityContext: { runAsUser: OPERATOR_USER },
          environmentVariables: [
            ...ANYTHING.map((name) => pattern(name, '.+')),
            exact('SKIP_VALIDATIONS', 'true'),
            pattern('cloud_refresh_interval', '[0-9]+'),
            ...URLS.map((name) => pattern(name, 'https?://.+')),
            exact('http_host', '127.0.0.1'),
            pattern('http_port', '[0-9]+'),
            pattern('metrics_port', '[0-9]+'),
          ],
        },
      },
    ],
  };
  const [policy] = await generateCce(
    { kind: 'config', config: JSON.stringify(config) },
    (reference) => {
      const facts = images.find((image) => image.reference === reference);
      return facts === undefined
        ? Promise.reject(new RangeError(`the image ${reference} was not built`))
        : Promise.resolve(facts);
    },
    { flags: { allow_environment_variable_dropping: false } },
  );
  if (policy === undefined) throw new RangeError('one configuration makes one policy');
  return policy;
}

const ANYTHING = ['VAULT_NAME', 'OPERATOR_KEY_SECRET_NAME', 'DEPLOYMENT_ENVIRONMENT'];
const URLS = ['CORE_BASE_URL', 'OPTOUT_BASE_URL', 'maa_server_base_url', 'azure_vault_url', 'attestation_sidecar_url'];

interface Variable {
  readonly name: string;
  readonly value: string;
  readonly regex: boolean;
}

function pattern(name: string, value: string): Variable {
  return { name, value, regex: true };
}

function exact(name: string, value: string): Variable {
  return { name, value, regex: false };
}
