import { releaseManifest } from '@holdfast/deployment';
import { generateCce } from '@holdfast/policy';
import type { GeneratedCcePolicy, ImageFacts } from '@holdfast/policy';

import { OPERATOR_IMAGE, OPERATOR_VERSION, SKR_IMAGE } from '../images/service-images.ts';
import { parseManifestDocuments, POLICY_ANNOTATION } from './manifest.ts';

const ENDORSEMENT_PATH = '/opt/confidential-containers/share/kata-containers/reference-info-base64';
const SKR = 'skr';
const OPERATOR = 'uid2-operator';
const OPERATOR_USER = 1000;

/**
 * The operator's manifest, a release in the shape in which UID2 publishes them: a Deployment with the attestation sidecar and the
 * operator, and a Service. Identity, vault, secret and environment are placeholders, which a deployment fills in.
 * @param policy Base64 of the policy text.
 */
export function createOperatorManifest(policy: string): string {
  const release = releaseManifest({ operator: OPERATOR_IMAGE, sidecar: SKR_IMAGE }, OPERATOR_VERSION, policy);
  return `${NOTES}${release.replace(/^(?:#.*\n)+/, '')}`;
}

const NOTES = `# The operator's release, made by holdfast up from this repository. When the images change it gets the policy for the new
# ones; everything else stays as you leave it. The placeholders are filled in by the deployment: see holdfast.yaml beside it.
`;

/**
 * Puts another policy into a manifest and leaves all else, comments included, as it is.
 * @throws MalformedError MANIFEST_INVALID when the text is no YAML
 */
export function replacePolicy(text: string, policy: string): string {
  const documents = parseManifestDocuments(text);
  for (const document of documents) {
    if (document.get('kind') === 'Deployment') document.setIn([...POLICY_PATH, POLICY_ANNOTATION], policy);
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

/**
 * The policy for the operator's pod, made by the product's own generator. The three variables that a deployment fills in
 * may have any value; nothing else may differ, so the measurement is the same on every machine. No variable is dropped: one that no
 * rule admits is a denial.
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
          environmentVariables: [{ name: 'Port', value: '9000', regex: false }],
          volumeMounts: [{ name: 'endorsement-location', mountPath: ENDORSEMENT_PATH, mountType: 'emptyDir' }],
        },
      },
      {
        name: OPERATOR,
        properties: {
          image: OPERATOR_IMAGE,
          securityContext: { runAsUser: OPERATOR_USER },
          environmentVariables: ANYTHING.map((name) => ({ name, value: '.+', regex: true })),
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

/** What a deployment fills in. */
const ANYTHING = ['VAULT_NAME', 'OPERATOR_KEY_SECRET_NAME', 'DEPLOYMENT_ENVIRONMENT'];
