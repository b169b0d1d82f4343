/** The file system images whose dm-verity root hashes policies name: `ext4` in CCE policies, `tarfs` in Kata policies of the AKS profile. */
export type LayerFormat = 'ext4' | 'tarfs';

/** Root hashes of one layer, 64 lowercase hex characters each; only the formats that were asked for. */
export interface LayerRootHashes {
  readonly rootHashExt4?: string;
  readonly rootHashTarfs?: string;
}

/** `diffId` is what the bytes really hash to: `sha256:` and 64 lowercase hex characters. */
export interface LayerHash extends LayerRootHashes {
  readonly diffId: string;
}

/** Turns the uncompressed tar of a layer into root hashes while it streams, in bounded memory. */
export interface LayerHasher {
  /**
   * Consumes all of `chunks`, the uncompressed tar. `diffId` is what the image's configuration promises: rejects with a
   * VerificationError when the bytes hash to anything else, and keeps nothing of them in a cache then.
   */
  hash(
    chunks: AsyncIterable<Uint8Array>,
    formats: readonly LayerFormat[],
    options: { readonly diffId: string },
  ): Promise<LayerHash>;

  /** Hashes of a layer that were computed before, so that it need not be fetched; undefined unless all `formats` are known. */
  lookup?(diffId: string, formats: readonly LayerFormat[]): Promise<LayerRootHashes | undefined>;
}
