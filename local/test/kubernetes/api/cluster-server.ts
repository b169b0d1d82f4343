import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { listen } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import { openCertificateAuthority } from '../../../src/azure/certificate-authority.ts';
import {
  buildKubernetesApp,
  createClusterStore,
  kubeconfigText,
  StatusError,
} from '../../../src/kubernetes/api/index.ts';
import type { ClusterStore, KubernetesAppOptions, PodBackend } from '../../../src/kubernetes/api/index.ts';

export const KUBECTL = '/usr/bin/kubectl';
export const hasKubectl = existsSync(KUBECTL);
export const TOKEN = 'a-token-of-the-administrator';

/** A cluster over TLS, with a kubeconfig. */
export interface ClusterServer {
  readonly store: ClusterStore;
  readonly app: FastifyInstance;
  readonly url: string;
  readonly caPem: string;
  readonly kubeconfig: string;
  readonly kubeconfigFile: string;
  /** Runs kubectl to its end; `input` is its standard input. */
  kubectl(args: readonly string[], input?: string): Promise<CommandResult>;
  /** Starts kubectl and leaves it running. */
  start(args: readonly string[]): ChildProcess;
  stop(): Promise<void>;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const backend: PodBackend = {
  logs: async function* logs(pod, { container, previous, tailLines, follow, signal }) {
    if (previous) {
      throw new StatusError(
        'BadRequest',
        `previous terminated container "${container}" in pod "${pod.metadata.name}" not found`,
      );
    }
    const lines = ['one', 'two', 'three'].map((word) => `${container} ${word}\n`);
    yield Buffer.from(lines.slice(tailLines === undefined ? 0 : -tailLines).join(''));
    if (follow) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
  proxy: async (pod, port, { method, path }) => ({
    status: 200,
    headers: { 'content-type': 'text/plain' },
    body: Buffer.from(`${method} ${path} of ${pod.metadata.name}:${port}`),
  }),
};

export async function startClusterServer(options: Partial<KubernetesAppOptions> = {}): Promise<ClusterServer> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-cluster-'));
  const authority = await openCertificateAuthority(join(folder, 'ca'));
  const certificate = await authority.issueServerCertificate({ hosts: ['127.0.0.1'] });
  const store = createClusterStore({ clock: Date.now, randomBytes, rootCertificate: authority.caPem });
  const app = buildKubernetesApp({
    store,
    backend,
    clock: Date.now,
    // What kubectl is built for: without a warning about versions in every command's output.
    version: 'v1.32.4',
    authenticate: async (token) =>
      token === TOKEN ? { username: 'administrator', groups: ['system:masters'] } : undefined,
    tls: { key: certificate.keyPem, cert: certificate.certificatePem },
    ...options,
  });
  const url = await listen(app, { host: '127.0.0.1', port: 0 });
  const kubeconfig = kubeconfigText({ name: 'local', server: url, caPem: authority.caPem, token: TOKEN });
  const kubeconfigFile = join(folder, 'kubeconfig');
  await writeFile(kubeconfigFile, kubeconfig, { mode: 0o600 });
  const env = { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: kubeconfigFile, TMPDIR: folder };
  return {
    store,
    app,
    url,
    caPem: authority.caPem,
    kubeconfig,
    kubeconfigFile,
    kubectl: (args, input) => run(args, env, input),
    start: (args) => spawn(KUBECTL, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
    stop: async () => {
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function run(args: readonly string[], env: NodeJS.ProcessEnv, input: string | undefined): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(KUBECTL, [...args], { env, timeout: 15_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
    child.stdin?.end(input ?? '');
  });
}

/** Resolves when the output of a process has shown a text. */
export function shows(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString('utf8');
      if (seen.includes(text)) resolve();
    });
    child.once('exit', () => reject(new Error(`it ended without ${text}: ${seen}`)));
  });
}

export function deployment(
  name: string,
  image = 'example/web:1',
): Record<string, unknown> & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
} {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'web', image, ports: [{ containerPort: 8080 }] }] },
      },
    },
  };
}
