import { stringify } from 'yaml';

export interface KubeconfigOptions {
  /** Name of cluster, user and context. */
  readonly name: string;
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM of the authority that the server's certificate comes from. */
  readonly caPem: string;
  readonly token: string;
  /** `default` when not said. */
  readonly namespace?: string;
}

/** The text of a kubeconfig with one context. It holds the token: keep it at mode 0600. */
export function kubeconfigText(options: KubeconfigOptions): string {
  const { name } = options;
  const user = `${name}-admin`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: options.server,
          'certificate-authority-data': Buffer.from(options.caPem, 'utf8').toString('base64'),
        },
      },
    ],
    contexts: [
      {
        name,
        context: { cluster: name, user, ...(options.namespace === undefined ? {} : { namespace: options.namespace }) },
      },
    ],
    'current-context': name,
    users: [{ name: user, user: { token: options.token } }],
  });
}
