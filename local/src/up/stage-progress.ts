import type { DeployEvent } from './operator-start.ts';
import type { Progress } from './progress.ts';

/** Shows the stages of a deployment as steps, one after the other. */
export class StageProgress {
  readonly #progress: Progress;
  #running: { readonly step: string; readonly begun: number } | undefined;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  tell(event: DeployEvent): void {
    if (event.kind === 'notice') this.#progress.notice(event.text);
    else if (event.kind === 'stage-begun') {
      const step = `${event.stage} ${event.title}`;
      this.#running = { step, begun: performance.now() };
      this.#progress.tell({ kind: 'begin', step });
    } else if (this.#running !== undefined) {
      const { step, begun } = this.#running;
      this.#running = undefined;
      this.#progress.tell({ kind: 'done', step, detail: event.detail, ms: performance.now() - begun });
    }
  }

  /** The stage that was running, if any, is over. */
  failed(): void {
    if (this.#running === undefined) return;
    const { step, begun } = this.#running;
    this.#running = undefined;
    this.#progress.tell({ kind: 'failed', step, ms: performance.now() - begun });
  }
}
