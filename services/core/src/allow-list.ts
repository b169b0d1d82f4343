import type { EnclaveRecord } from '@holdfast/uid2';

/** Which measurements may attest, per protocol. Replaced as a whole; compared exactly, with case. */
export class AllowList {
  #byProtocol: ReadonlyMap<string, ReadonlySet<string>> = new Map();

  replace(enclaves: Iterable<EnclaveRecord>): void {
    const byProtocol = new Map<string, Set<string>>();
    for (const { protocol, identifier } of enclaves) {
      const known = byProtocol.get(protocol);
      if (known === undefined) byProtocol.set(protocol, new Set([identifier]));
      else known.add(identifier);
    }
    this.#byProtocol = byProtocol;
  }

  allows(protocol: string, enclaveId: string): boolean {
    return this.#byProtocol.get(protocol)?.has(enclaveId) ?? false;
  }
}
