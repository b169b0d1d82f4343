import { styleText } from 'node:util';

import type { ProgressEvent } from '@holdfast/local';

import { mayColour } from '../context.ts';
import type { CliIo } from '../context.ts';

const STEP_WIDTH = 36;

/** Shows the steps of `up` on standard error as they happen: a tick, the step, what came of it, how long it took. */
export function progressPrinter(io: CliIo): (event: ProgressEvent) => void {
  const { stderr } = io;
  const paint = (style: 'green' | 'red' | 'yellow' | 'dim', text: string): string =>
    mayColour(io, stderr) ? styleText(style, text, { validateStream: false }) : text;
  let running: string | undefined;
  const begin = (step: string): void => {
    running = step;
    if (stderr.isTerminal) stderr.write(`  … ${step}`);
  };
  /** On a terminal, replaces the line of the running step. */
  const line = (text: string): void => {
    stderr.write(`${running !== undefined && stderr.isTerminal ? '\r\u001b[2K' : ''}${text}\n`);
  };
  return (event) => {
    switch (event.kind) {
      case 'begin':
        begin(event.step);
        break;
      case 'done': {
        const duration = paint('dim', seconds(event.ms));
        line(`  ${paint('green', '✔')} ${event.step.padEnd(STEP_WIDTH)} ${event.detail}  ${duration}`);
        running = undefined;
        break;
      }
      case 'failed':
        line(`  ${paint('red', '✘')} ${event.step.padEnd(STEP_WIDTH)} ${paint('dim', seconds(event.ms))}`);
        running = undefined;
        break;
      case 'notice':
        line(`  ${paint('yellow', '!')} ${event.text}`);
        if (running !== undefined) begin(running);
        break;
    }
  };
}

/** `0.4 s` */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
