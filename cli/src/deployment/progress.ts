import { styleText } from 'node:util';

import type { EngineEvent } from '@holdfast/deployment';

import { mayColour, writeJson } from '../context.ts';
import type { CliIo } from '../context.ts';

const marks: Readonly<
  Record<EngineEvent['event'], readonly [mark: string, style: 'green' | 'red' | 'yellow' | 'dim']>
> = {
  started: ['▸', 'dim'],
  already: ['✔', 'green'],
  creating: ['+', 'green'],
  updating: ['~', 'yellow'],
  waiting: ['…', 'dim'],
  retrying: ['↻', 'yellow'],
  resumed: ['↻', 'yellow'],
  done: ['✔', 'green'],
  warning: ['!', 'yellow'],
  failed: ['✘', 'red'],
  interrupted: ['■', 'yellow'],
};

/** Shows what the engine does: lines on standard error, or with `json` one JSON object in a line on standard output. */
export function eventPrinter(io: CliIo, json: boolean): (event: EngineEvent) => void {
  if (json) {
    return ({ at, stage, resource, event, detail }) => {
      const ts = new Date(at).toISOString();
      writeJson(io, { ts, stage, resource: resource ?? null, event, detail: detail ?? null });
    };
  }
  const { stderr } = io;
  const begun = new Map<string, number>();
  return ({ at, stage, resource, event, detail }) => {
    const [mark, style] = marks[event];
    const painted = mayColour(io, stderr) ? styleText(style, mark, { validateStream: false }) : mark;
    if (event === 'started') begun.set(stage, at);
    const what = [resource, detail].filter((part) => part !== undefined).join(': ');
    const word = event === 'already' ? 'already: ' : '';
    const took = event === 'done' ? `  ${Math.round((at - (begun.get(stage) ?? at)) / 1000)} s` : '';
    const indent = event === 'started' || event === 'done' || event === 'already' ? '' : '  ';
    stderr.write(`${indent}${painted} ${stage.padEnd(3)} ${word}${what}${took}\n`);
  };
}
