import type { PolicyType } from './found-policies.ts';

/** One policy that was made. */
export interface GeneratedPolicy {
  /** Container group, or kind and name of what starts the pods; undefined where there is no document. */
  readonly owner: string | undefined;
  /** It is a fragment of this namespace: signed and imported, never measured. */
  readonly fragment?: string;
  readonly text: string;
  /** What goes into the document. */
  readonly base64: string;
  /** Hex of what HOST_DATA must be, or, for initdata, of the digest of its document. */
  readonly sha256: string;
  /** Containers, the sandbox included. */
  readonly containers: number;
  readonly warnings: readonly GenerateWarning[];
}

export interface GenerateWarning {
  readonly code: string;
  readonly message: string;
  readonly container?: string;
}

/** Everything one run made. */
export interface Generation {
  readonly type: PolicyType;
  readonly policies: readonly GeneratedPolicy[];
  /** The input document with the policies in it; undefined where nothing can carry them. */
  readonly document: string | undefined;
}
