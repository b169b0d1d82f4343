import type { ErrorDetails } from '@holdfast/base';
import type { SaltFileOptions, SaltTableData } from '@holdfast/uid2';

/** What a thread that reads salts is started with. */
export interface SaltThreadData {
  readonly file: SaltFileOptions;
}

/** To a thread that reads salts: the next bytes of the file, handed over with their memory, of which they fill the beginning. */
export interface PieceMessage {
  readonly memory: ArrayBuffer;
  readonly length: number;
  /** Whether the file ends here. */
  readonly isLast: boolean;
}

/** From a thread that reads salts. */
export type MessageFromReading =
  /** A piece has been read; its memory comes back. */
  | { readonly kind: 'read'; readonly memory: ArrayBuffer }
  | { readonly kind: 'parsed'; readonly table: SaltTableData }
  | { readonly kind: 'malformed'; readonly code: string; readonly message: string; readonly details: ErrorDetails };
