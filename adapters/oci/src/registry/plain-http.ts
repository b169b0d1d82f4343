/** Which registries may be spoken to without TLS. */
export interface PlainHttpPolicy {
  /** Registries with port exactly as in references: `registry.local:5000`. */
  readonly registries?: readonly string[];
  /** Whether every registry on this machine's loopback addresses may be plain. */
  readonly loopback?: boolean;
}

/** The URL that all requests to a registry start with. */
export function registryOrigin(apiHost: string, policy: PlainHttpPolicy): string {
  const plain = policy.registries?.includes(apiHost) === true || (policy.loopback === true && isLoopback(apiHost));
  return `${plain ? 'http' : 'https'}://${apiHost}`;
}

/** Whether something that came from `from` may lead to `to`: a URL with TLS, or one of a listed registry. */
export function mayFollow(from: URL, to: URL, policy: PlainHttpPolicy): boolean {
  if (to.protocol === 'https:') return true;
  if (to.protocol !== 'http:') return false;
  if (policy.registries?.includes(to.host) === true) return true;
  // A registry elsewhere has no business on this machine's loopback addresses.
  return policy.loopback === true && isLoopback(to.host) && isLoopback(from.host);
}

function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}
