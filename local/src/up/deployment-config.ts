import { writeFileAtomic } from '@holdfast/process';
import { isMap, parseDocument } from 'yaml';

import { readIfPresent } from '../home/read-if-present.ts';
import { CLUSTER_NAME, OPERATOR_KEY_SECRET_NAME, RESOURCE_GROUP, SUBSCRIPTION_ID, VAULT_NAME } from './local-names.ts';

const TEXT = `# The operator of the local cloud: holdfast up deploys it with this. Made by holdfast up; the digest of the release follows
# operator.yaml, everything else stays as you leave it.
profile: uid2-vn2
subscriptionId: ${SUBSCRIPTION_ID}
location: eastus

resourceGroup:
  name: ${RESOURCE_GROUP}

aks:
  name: ${CLUSTER_NAME}
  kubernetesVersion: '1.34'

vault:
  name: ${VAULT_NAME}
  secretName: ${OPERATOR_KEY_SECRET_NAME}

operator:
  identityName: uid2-operator
  environment: integ
  replicas: 1
  minReadySeconds: 0
  bundle:
    path: operator.yaml
`;

/**
 * The configuration of the operator's deployment, made at first start. Its release is the manifest of the home folder, and the
 * digest is that of the policy in there, whoever wrote it.
 */
export async function writeDeploymentConfig(file: string, digest: string | undefined): Promise<void> {
  const existing = await readIfPresent(file);
  const document = parseDocument(existing ?? TEXT);
  // Whatever else a person has made of it, reading it says what is wrong.
  if (document.errors.length > 0 || !isMap(document.getIn(['operator', 'bundle']))) return;
  const path = ['operator', 'bundle', 'digest'];
  if (digest === undefined) document.deleteIn(path);
  else if (document.getIn(path) !== digest) document.setIn(path, digest);
  const text = document.toString({ lineWidth: 0 });
  if (text !== existing) await writeFileAtomic(file, text);
}
