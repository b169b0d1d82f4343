import { equalBytes, MalformedError, PlatformError, toBase64, toHex, UnsupportedError } from '@holdfast/base';
import { errorCodes, initdataReferenceValue, measureInitdata } from '@holdfast/initdata';
import type { InitdataMeasurements } from '@holdfast/initdata';

import { REGISTERS } from '../commands/initdata-values.ts';
import type { Expectation } from '../commands/initdata-values.ts';
import type { InitdataMeasureFlags } from '../commands/initdata.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { readInitdataItems } from './read-inputs.ts';
import type { InitdataItem } from './read-inputs.ts';
import { line } from './render.ts';
import { optionsConflict } from './run-inspect.ts';

const LONGEST_SHOWN = 64;
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

/** `holdfast initdata measure`: the values that evidence has for initdata. */
export async function runMeasure(context: CliContext, flags: InitdataMeasureFlags, ...paths: string[]): Promise<void> {
  const { io } = context;
  if (flags.expires !== undefined && flags.referenceValue === undefined) {
    throw optionsConflict('--expires belongs to --reference-value');
  }
  const lists = await Promise.all(paths.map(async (path) => readInitdataItems(io, path)));
  const measured = lists.flat().map(measure);
  const missed = check(measured, flags.expect ?? []);
  if (missed.length > 0) context.setExitCode(EXIT_FAILED);
  if (flags.referenceValue !== undefined && missed.length === 0) {
    writeReferenceValue(measured, flags, io);
  } else if (flags.json) {
    writeJson(io, { version: 1, items: measured.map(asJson), missed: missed.map(missedJson) });
  } else {
    render(measured, missed, flags.expect ?? [], io);
  }
}

interface Measured {
  readonly where: string;
  readonly document: string;
  readonly measurements: InitdataMeasurements;
}

function measure({ where, document, problem }: InitdataItem): Measured {
  try {
    if (problem !== undefined) throw problem;
    return { where, document: document ?? '', measurements: measureInitdata(document ?? '') };
  } catch (cause) {
    if (!(cause instanceof PlatformError)) throw cause;
    const { code, message, details } = cause;
    const action = cause.action ?? errorCodes[code]?.action;
    const Family = cause instanceof UnsupportedError ? UnsupportedError : MalformedError;
    throw new Family(code, `${where}: ${message}`, { cause, details, ...(action === undefined ? {} : { action }) });
  }
}

interface Missed {
  readonly where: string;
  readonly expectation: Expectation;
}

/** Expectations that a document does not meet: every one holds for every document. */
function check(measured: readonly Measured[], expectations: readonly Expectation[]): readonly Missed[] {
  return measured.flatMap(({ where, measurements }) =>
    expectations
      .filter((expectation) => !meets(measurements, expectation))
      .map((expectation) => ({ where, expectation })),
  );
}

function meets(measurements: InitdataMeasurements, { register: name, value }: Expectation): boolean {
  const candidates = [...REGISTERS].filter(([candidate]) => name === undefined || candidate === name);
  return candidates.some(([, { register }]) => equalBytes(measurements[register], value));
}

function writeReferenceValue(measured: readonly Measured[], flags: InitdataMeasureFlags, io: CliIo): void {
  const { referenceValue: platform = 'azure-snp', expires = Date.now() + YEAR_MS } = flags;
  const documents = measured.map(({ document }) => document);
  const value = initdataReferenceValue(documents, { platform, expires });
  io.stdout.write(`${JSON.stringify([value], undefined, 2)}\n`);
}

function asJson({ where, measurements }: Measured): object {
  const { algorithm, hostData } = measurements;
  const registers = [...REGISTERS].map(([name, { register }]) => [name, toHex(measurements[register])]);
  return { where, algorithm, registers: Object.fromEntries(registers) as object, hostDataBase64: toBase64(hostData) };
}

function missedJson({ where, expectation }: Missed): object {
  return { where, register: expectation.register ?? null, value: toHex(expectation.value) };
}

/** Zeros that fill lines of a terminal say no more than their number. */
function shownValue(value: Uint8Array): string {
  const used = value.findLastIndex((byte) => byte !== 0) + 1;
  const zeros = value.length - used;
  return value.length > LONGEST_SHOWN && zeros > 0
    ? `${toHex(value.subarray(0, used))} and ${zeros} bytes of zeros`
    : toHex(value);
}

function render(
  measured: readonly Measured[],
  missed: readonly Missed[],
  expectations: readonly Expectation[],
  io: CliIo,
): void {
  const width = Math.max(...[...REGISTERS.values()].map(({ label }) => label.length));
  for (const [index, { where, measurements }] of measured.entries()) {
    if (index > 0) line(io.stdout);
    line(io.stdout, where);
    for (const { register, label } of REGISTERS.values()) {
      const shown = register === 'digest' ? measurements.algorithm : label;
      line(io.stdout, `  ${shown.padEnd(width)}  ${shownValue(measurements[register])}`);
    }
  }
  if (expectations.length === 0) return;
  line(io.stdout);
  for (const { where, expectation } of missed) {
    const { register, value } = expectation;
    const what = register === undefined ? 'no register has' : `${REGISTERS.get(register)?.label ?? register} is not`;
    line(io.stdout, `${where}: ${what} ${toHex(value)}`);
  }
  line(io.stdout, missed.length === 0 ? 'verdict: as expected' : 'verdict: not as expected');
}
