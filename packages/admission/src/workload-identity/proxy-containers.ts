import { textIn } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';
import type { ProxySettings } from './settings.ts';

const PROXY = 'azwi-proxy';
const PROXY_INIT = 'azwi-proxy-init';

/** The containers of a pod, by list. */
export interface ContainerLists {
  readonly initContainers: readonly Json[];
  readonly containers: readonly Json[];
}

/**
 * Adds the proxy that answers the metadata service of the node with the pod's own tokens, and the init container that
 * redirects to it. Those that are there already stay: the webhook may be asked twice.
 */
export function withProxy(lists: ContainerLists, settings: ProxySettings, port: number): ContainerLists {
  const { nativeSidecar } = settings;
  const initContainers = has(lists.initContainers, PROXY_INIT)
    ? lists.initContainers
    : [...lists.initContainers, redirection(settings, port)];
  if (nativeSidecar) {
    return {
      ...lists,
      initContainers: has(initContainers, PROXY) ? initContainers : [proxy(settings, port), ...initContainers],
    };
  }
  const { containers } = lists;
  return { initContainers, containers: has(containers, PROXY) ? containers : [proxy(settings, port), ...containers] };
}

function has(containers: readonly Json[], name: string): boolean {
  return containers.some((container) => textIn(container, 'name') === name);
}

function redirection({ initImage }: ProxySettings, port: number): JsonObject {
  return {
    name: PROXY_INIT,
    image: initImage,
    imagePullPolicy: 'IfNotPresent',
    securityContext: {
      capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
      privileged: true,
      runAsNonRoot: false,
      runAsUser: 0,
    },
    env: [{ name: 'PROXY_PORT', value: String(port) }],
  };
}

function proxy({ image, logLevel, nativeSidecar }: ProxySettings, port: number): JsonObject {
  const [portFlag, levelFlag] = [`--proxy-port=${port}`, `--log-level=${logLevel}`];
  return {
    name: PROXY,
    image,
    imagePullPolicy: 'IfNotPresent',
    args: [portFlag, levelFlag],
    ports: [{ containerPort: port }],
    lifecycle: { postStart: { exec: { command: ['/proxy', portFlag, '--probe', levelFlag] } } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
    },
    ...(nativeSidecar ? { restartPolicy: 'Always' } : {}),
  };
}
