import { entriesIn, listIn, textIn } from '../../json.ts';
import type { Json, JsonObject } from '../../json.ts';
import { proxyImages } from './settings.ts';
import type { MigrationSettings } from './settings.ts';

type ProxyOptions = Pick<MigrationSettings, 'proxyPort' | 'release'>;

/**
 * The normal containers of a pod with the proxy behind them. Unchanged when one has an image whose name begins with the
 * proxy's, whatever its tag.
 */
export function withProxySidecar(containers: readonly Json[], options: ProxyOptions): readonly Json[] {
  const { proxyPort: port, release } = options;
  if (hasImage(containers, proxyImages.proxy)) return containers;
  const flags = [`--proxy-port=${port}`, '--log-level=info'] as const;
  const proxy: JsonObject = {
    name: 'azwi-proxy',
    image: `${proxyImages.proxy}:${release}`,
    imagePullPolicy: 'IfNotPresent',
    args: flags,
    ports: [{ containerPort: port }],
    // The other containers start when the proxy answers.
    lifecycle: { postStart: { exec: { command: ['/proxy', flags[0], '--probe', flags[1]] } } },
  };
  return [...containers, proxy];
}

/** The init containers of a pod with the one that redirects the metadata service to the proxy; unchanged when it is there. */
export function withProxyInit(initContainers: readonly Json[], options: ProxyOptions): readonly Json[] {
  if (hasImage(initContainers, proxyImages.init)) return initContainers;
  const init: JsonObject = {
    name: 'azwi-proxy-init',
    image: `${proxyImages.init}:${options.release}`,
    imagePullPolicy: 'IfNotPresent',
    securityContext: { capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] }, privileged: true, runAsUser: 0 },
    env: [{ name: 'PROXY_PORT', value: String(options.proxyPort) }],
  };
  return [...initContainers, init];
}

/** A pod's spec with both. */
export function withProxyContainers(spec: JsonObject, options: ProxyOptions): JsonObject {
  return {
    ...spec,
    initContainers: withProxyInit(entriesIn(spec, 'initContainers'), options),
    containers: withProxySidecar(entriesIn(spec, 'containers'), options),
  };
}

function hasImage(containers: readonly Json[], prefix: string): boolean {
  return listIn({ containers }, 'containers').some(
    (container) => textIn(container, 'image')?.startsWith(prefix) === true,
  );
}
