/** Where facts of images come from; shared by the commands that need them. */
export interface ImageFlags {
  readonly tar?: string;
  readonly imageFacts?: string;
  readonly saveImageFacts?: string;
  readonly cacheFolder?: string;
  readonly noCache: boolean;
  readonly insecureRegistry?: readonly string[];
}
