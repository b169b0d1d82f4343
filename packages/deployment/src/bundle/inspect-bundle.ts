import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import type { PolicyVerdict, PolicyVerifier } from './policy-verifier.ts';
import { filledVariables, verifyManifestPolicy } from './policy-verifier.ts';
import type { Bundle } from './read-bundle.ts';
import { containersOf, identityAnnotation, isObject, objectAt, operatorContainer, policyOf } from './shape.ts';
import type { ManifestContainer } from './shape.ts';

export type BundleCheck = 'OB-01' | 'OB-02' | 'OB-03' | 'OB-04' | 'OB-05' | 'OB-07';

export interface BundleFinding {
  readonly check: BundleCheck;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

export interface BundleInspection {
  readonly findings: readonly BundleFinding[];
  /** SHA-256 of the policy. */
  readonly digest: string | undefined;
}

const PLACEHOLDER = /[A-Z_]*PLACEHOLDER/;
/** The three variables of a release, and the one that earlier releases have as well. */
const knownVariables: ReadonlySet<string> = new Set([...filledVariables, 'IMAGE_NAME']);
const MAX_ANNOTATIONS = 262_144;

export const userPlaceholders = {
  identity: 'IDENTITY_PLACEHOLDER',
  VAULT_NAME: 'VAULT_NAME_PLACEHOLDER',
  OPERATOR_KEY_SECRET_NAME: 'OPERATOR_KEY_SECRET_NAME_PLACEHOLDER',
  DEPLOYMENT_ENVIRONMENT: 'DEPLOYMENT_ENVIRONMENT_PLACEHOLDER',
} as const;

/** Everything that is wrong with a release that is to be deployed with a configuration. */
export function inspectBundle(
  bundle: Bundle,
  config: Uid2Vn2Config,
  verify: PolicyVerifier = verifyManifestPolicy,
): BundleInspection {
  const shape = shapeFindings(bundle);
  if (shape.length > 0) return { findings: shape, digest: undefined };
  const containers = containersOf(bundle.deployment);
  const policy = policyOf(bundle.deployment) ?? '';
  const filled = containers.map((container) => fillIn(container, config));
  const released = !PLACEHOLDER.test(policy) && policy !== '';
  const verdict: PolicyVerdict = released ? verify(policy, filled) : { digest: undefined, findings: [] };
  return {
    digest: verdict.digest,
    findings: [
      ...placeholderFindings(bundle, config, containers),
      ...digestFindings(bundle, config, verdict, released),
      ...policyFindings(verdict),
      ...imageFindings(containers),
      ...annotationFindings(bundle),
    ],
  };
}

const error = (check: BundleCheck, message: string): BundleFinding => ({ check, severity: 'error', message });

function shapeFindings(bundle: Bundle): BundleFinding[] {
  const { deployments, services, others } = bundle;
  if (deployments !== 1 || services !== 1 || others.length > 0) {
    const more = others.length === 0 ? '' : ` and ${others.join(', ')}`;
    return [error('OB-01', `it holds ${deployments} Deployments and ${services} Services${more}, not one of each`)];
  }
  const containers = containersOf(bundle.deployment);
  const names = containers.map(({ name }) => name).sort();
  if (JSON.stringify(names) !== JSON.stringify(['skr', operatorContainer])) {
    return [error('OB-01', `its containers are ${names.join(', ')}, not skr and ${operatorContainer}`)];
  }
  const pod = objectAt(bundle.deployment, 'spec', 'template', 'spec');
  if ('initContainers' in pod) return [error('OB-01', 'it has init containers, which no release has')];
  const own = containers.find(({ name }) => name === operatorContainer)?.env ?? [];
  const extra = own.map(({ name }) => name).filter((name) => !knownVariables.has(name));
  if (extra.length > 0) {
    return [
      error(
        'OB-01',
        `${operatorContainer} has the variables ${extra.join(', ')}, which the policy would drop silently`,
      ),
    ];
  }
  return [];
}

/** The variables as they will be: a policy is compared with what is applied, not with placeholders. */
function fillIn(container: ManifestContainer, config: Uid2Vn2Config): ManifestContainer {
  if (container.name !== operatorContainer) return container;
  const values = filledValues(config);
  return { ...container, env: container.env.map(({ name, value }) => ({ name, value: values[name] ?? value })) };
}

/** The values of the variables that a deployment fills in. */
export function filledValues(config: Uid2Vn2Config): Readonly<Record<string, string>> {
  return {
    VAULT_NAME: config.vault.name,
    OPERATOR_KEY_SECRET_NAME: config.vault.secretName,
    DEPLOYMENT_ENVIRONMENT: config.operator.environment,
  };
}

function placeholderFindings(
  bundle: Bundle,
  config: Uid2Vn2Config,
  containers: readonly ManifestContainer[],
): readonly BundleFinding[] {
  const findings: BundleFinding[] = [];
  const texts = [...textsOf(bundle.deployment), ...textsOf(bundle.service)];
  for (const placeholder of ['IMAGE_PLACEHOLDER', 'CCE_POLICY_PLACEHOLDER']) {
    if (texts.includes(placeholder))
      findings.push(error('OB-02', `it still holds ${placeholder}: it was never released`));
  }
  const values = filledValues(config);
  const own = containers.find(({ name }) => name === operatorContainer)?.env ?? [];
  const identity = objectAt(bundle.deployment, 'spec', 'template', 'metadata', 'annotations')[identityAnnotation];
  const found: Record<string, unknown> = { identity };
  for (const name of filledVariables) found[name] = own.find((variable) => variable.name === name)?.value;
  for (const [name, placeholder] of Object.entries(userPlaceholders)) {
    const value = found[name];
    if (value === placeholder) continue;
    if (value === undefined) findings.push(error('OB-02', `it lacks ${placeholder}: somebody has edited it`));
    else if (value === values[name]) {
      findings.push({
        check: 'OB-02',
        severity: 'warning',
        message: `${placeholder} is already filled in, with the configured value`,
      });
    } else findings.push(error('OB-02', `instead of ${placeholder} it holds another value: somebody has edited it`));
  }
  return findings;
}

function digestFindings(
  bundle: Bundle,
  config: Uid2Vn2Config,
  verdict: PolicyVerdict,
  released: boolean,
): readonly BundleFinding[] {
  if (!released) return [];
  const expected = config.operator.bundle?.digest ?? bundle.publishedDigest;
  const unreadable = verdict.findings.find(({ code }) => code === 'unreadable');
  if (unreadable !== undefined) return [error('OB-03', unreadable.message)];
  if (expected === undefined) {
    const message = `its policy has the digest ${verdict.digest}, and nothing says which one was published: a bundle proves nothing about itself`;
    return [error('OB-03', message)];
  }
  if (expected === verdict.digest) return [];
  return [error('OB-03', `its policy has the digest ${verdict.digest}, the published one is ${expected}`)];
}

function policyFindings(verdict: PolicyVerdict): readonly BundleFinding[] {
  return verdict.findings.flatMap((finding): BundleFinding[] => {
    switch (finding.code) {
      case 'allows-everything':
      case 'wide-rule':
        return [error('OB-04', finding.message)];
      case 'containers':
      case 'not-admitted':
        return [error('OB-05', finding.message)];
      default:
        return [];
    }
  });
}

function imageFindings(containers: readonly ManifestContainer[]): readonly BundleFinding[] {
  return containers.flatMap(({ name, image }) => {
    const reference = image.split('/').at(-1) ?? '';
    const tagged = reference.includes('@') || /:(?!latest$)[^:]+$/.test(reference);
    if (tagged || image === 'IMAGE_PLACEHOLDER') return [];
    return [error('OB-05', `the image of ${name} is ${image}, which names no version`)];
  });
}

function annotationFindings(bundle: Bundle): readonly BundleFinding[] {
  const annotations = objectAt(bundle.deployment, 'spec', 'template', 'metadata', 'annotations');
  const size = Object.entries(annotations).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(String(value)),
    0,
  );
  if (size <= MAX_ANNOTATIONS) return [];
  return [error('OB-07', `its annotations have ${size} bytes; Kubernetes takes ${MAX_ANNOTATIONS}`)];
}

/** Every text in a value, however deep. */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return isObject(value) ? Object.values(value).flatMap(textsOf) : [];
}

/** Placeholders that are left in a value. */
export function placeholdersIn(value: unknown): readonly string[] {
  return [
    ...new Set(textsOf(value).flatMap((text) => (text.length < 1000 ? (PLACEHOLDER.exec(text)?.[0] ?? []) : []))),
  ];
}
