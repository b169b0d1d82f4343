/** What an image's configuration says about the process to start. Absent, null and empty lists mean the same but for `Entrypoint` and `Cmd` of ACI. */
export interface ImageConfig {
  readonly Env?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string | null;
  /** `user[:group]`, names or numbers. */
  readonly User?: string | null;
  /** `SIGTERM`, `SIGQUIT`, or a number. */
  readonly StopSignal?: string | null;
  readonly Tty?: boolean | null;
  readonly Volumes?: Readonly<Record<string, unknown>> | null;
}

/** One layer of an image. Digests as `sha256:` and 64 lowercase hex characters, root hashes as the hex characters alone. */
export interface ImageLayer {
  readonly mediaType: string;
  /** Of the blob as it is stored, usually compressed. */
  readonly digest: string;
  /** Bytes of the blob as it is stored. */
  readonly size: number;
  /** Of the uncompressed tar. */
  readonly diffId: string;
  /** dm-verity root hash of the compact ext4 image, for CCE policies. */
  readonly rootHashExt4?: string;
  /** dm-verity root hash of the tar with its tarfs index, for Kata policies in the AKS profile. */
  readonly rootHashTarfs?: string;
  /**
   * The layer's name in Kata policies of the AKS profile, 64 lowercase hex characters. Only in facts that were recorded without
   * diff ids; everywhere else it follows from the diff ids of this layer and those below it.
   */
  readonly layerName?: string;
}

export interface ImagePlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** Everything that a policy generator needs to know about an image, however it was found out. */
export interface ImageFacts {
  /** As the user wrote it. */
  readonly reference: string;
  readonly manifestDigest: string;
  readonly platform: ImagePlatform;
  readonly config: ImageConfig;
  /** Base layer first. */
  readonly layers: readonly ImageLayer[];
  /** Text of the image's `/etc/passwd` and `/etc/group`, for Kata policies in the upstream profile. */
  readonly passwd?: string;
  readonly group?: string;
}

/** Finds the facts of an image. Rejects with a typed error when they cannot be had; never answers incomplete facts. */
export type ImageFactsSource = (reference: string) => Promise<ImageFacts>;
