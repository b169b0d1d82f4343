import type { MessageBoard } from './message-board.ts';
import type { Asset } from './page/assets.ts';
import type { PageView } from './page/view.ts';

export interface ConsumerContext {
  readonly board: MessageBoard;
  readonly assets: readonly Asset[];
  /** What the page shows now. */
  readonly view: () => PageView;
  /** Calls `listener` after every change of what the page shows, until the returned function is called. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Longest time a page waits for the first message, milliseconds. */
  readonly firstMessageTimeoutMs: number;
}
