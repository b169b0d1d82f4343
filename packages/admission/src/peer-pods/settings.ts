/** What the peer-pods mutation is configured with. */
export interface PeerPodsSettings {
  /** Runtime class whose pods run in virtual machines of their own. */
  readonly runtimeClass: string;
  /** Extended resource that stands for one such machine. */
  readonly extendedResource: string;
}

export const peerPodsDefaults: PeerPodsSettings = {
  runtimeClass: 'kata-remote',
  extendedResource: 'kata.peerpods.io/vm',
};

/**
 * The settings of the webhook's environment. `TARGET_RUNTIMECLASS` is the name that the webhook reads; the product
 * documentation prints `TARGET_RUNTIME_CLASS`, which counts when the first is missing.
 */
export function peerPodsSettings(environment: Readonly<Record<string, string | undefined>>): PeerPodsSettings {
  const first = (...names: readonly string[]) => names.map((name) => environment[name]).find(Boolean);
  return {
    runtimeClass: first('TARGET_RUNTIMECLASS', 'TARGET_RUNTIME_CLASS') ?? peerPodsDefaults.runtimeClass,
    extendedResource: first('POD_VM_EXTENDED_RESOURCE') ?? peerPodsDefaults.extendedResource,
  };
}
