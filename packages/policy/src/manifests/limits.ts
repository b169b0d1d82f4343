/** What a reader of manifests and templates accepts at most, so that hostile input costs bounded time and memory. */
export interface ManifestLimits {
  /** Bytes of the whole text. */
  readonly maxBytes: number;
  /** Levels of nesting of one document. */
  readonly maxDepth: number;
  /** Scalars, mappings and sequences of the whole text, counted after aliases are followed. */
  readonly maxNodes: number;
  readonly maxDocuments: number;
}

/** Far above any real workload; the Kubernetes API server itself refuses objects above 3 MiB. */
export const defaultManifestLimits: ManifestLimits = {
  maxBytes: 8 * 1024 * 1024,
  maxDepth: 100,
  maxNodes: 100_000,
  maxDocuments: 2_000,
};
