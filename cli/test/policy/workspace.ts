import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { capture } from '../captured-io.ts';
import type { CapturedRun, CaptureOptions } from '../captured-io.ts';

/** A folder of its own with files, and the command run in it. */
export interface PolicyWorkspace {
  readonly folder: string;
  readonly write: (name: string, content: string) => Promise<void>;
  readonly read: (name: string) => Promise<string>;
  /** Runs `holdfast policy` with these words. */
  readonly policy: (args: readonly string[], options?: CaptureOptions) => Promise<CapturedRun>;
  readonly remove: () => Promise<void>;
}

export async function policyWorkspace(): Promise<PolicyWorkspace> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-policy-'));
  return {
    folder,
    write: (name, content) => writeFile(join(folder, name), content),
    read: (name) => readFile(join(folder, name), 'utf8'),
    policy: (args, options = {}) => capture(['policy', ...args], { cwd: folder, ...options }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

const OPERATOR_IMAGE = `registry.example/uid2-operator@sha256:${'1'.repeat(64)}`;
const SIDECAR_IMAGE = 'registry.example/skr:2.7';

/** A private operator beside the sidecar that gets its keys, as operators deploy it on virtual nodes. */
export const operatorManifest = `# A private operator.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: operator
spec:
  selector: {matchLabels: {app: operator}}
  template:
    metadata:
      labels: {app: operator}
    spec:
      containers:
        - name: uid2-operator
          image: ${OPERATOR_IMAGE}
          env:
            - {name: DEPLOYMENT_ENVIRONMENT, value: integ}   # or prod
            - {name: VAULT_NAME, value: my-vault}
        - name: skr
          image: ${SIDECAR_IMAGE}
          command: ["/bin/skr"]
      nodeSelector:
        virtual-kubelet.io/provider: azure
`;

/** Facts of the images of the manifest above. */
export const operatorImages = JSON.stringify({
  version: 1,
  images: [
    image(OPERATOR_IMAGE, '1', {
      Env: ['PATH=/usr/bin:/bin', 'JAVA_HOME=/opt/java'],
      Entrypoint: ['/bin/sh', '-c', '/app/start.sh'],
      WorkingDir: '/app',
      User: '1000:1000',
    }),
    image(SIDECAR_IMAGE, '2', { Env: ['PATH=/bin'], Cmd: ['/bin/skr'] }),
  ],
});

function image(reference: string, digit: string, config: object): object {
  const digest = `sha256:${digit.repeat(64)}`;
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: 1, diffId: digest };
  return {
    reference,
    config,
    manifestDigest: digest,
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [{ ...layer, rootHashExt4: `${digit}a`.repeat(32), rootHashTarfs: `${digit}b`.repeat(32) }],
  };
}
