import { inspect } from 'node:util';

import { RequestError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { parseArguments } from '../src/arguments.ts';

const SECRET = Buffer.alloc(32, 7).toString('base64');
const ENV = { UID2_API_KEY: 'key-from-env', UID2_CLIENT_SECRET: SECRET };
const URL_A = 'http://127.0.0.1:8080';
const URL_B = 'http://127.0.0.1:9090';

function parse(line: string, env: Record<string, string> = ENV) {
  return parseArguments(
    line.split(' ').filter((word) => word !== ''),
    env,
  );
}

function planOf(line: string, env: Record<string, string> = ENV) {
  const invocation = parse(line, env);
  if (invocation.command !== 'operator') throw new Error(`not operator but ${invocation.command}`);
  return invocation;
}

describe('parseArguments operator', () => {
  it('fills in the documented defaults', () => {
    const { plan, beside } = planOf(`operator --url ${URL_A} --scenario identity-map`);
    expect(plan).toMatchObject({
      scenario: 'identity-map',
      kind: 'email',
      batch: 10_000,
      binary: false,
      connections: 32,
      processes: 1,
      durationMs: 20_000,
      warmupMs: 3_000,
      timeoutMs: 30_000,
    });
    expect([plan.ratePerSecond, beside, plan.target.url]).toEqual([undefined, undefined, URL_A]);
  });

  it('reads every option', () => {
    const { plan } = planOf(
      `operator --url ${URL_A}/ --scenario token-refresh --duration 0.5 --warmup 0 --connections 8 --processes 2 ` +
        '--batch 5 --kind phone_hash --binary --rate 12.5 --timeout 2',
    );
    expect(plan).toMatchObject({
      scenario: 'token-refresh',
      kind: 'phone_hash',
      batch: 5,
      binary: true,
      connections: 8,
      processes: 2,
      durationMs: 500,
      warmupMs: 0,
      timeoutMs: 2_000,
      ratePerSecond: 12.5,
    });
    expect(plan.target.url).toBe(URL_A);
  });

  it('prefers credentials from flags over the environment', () => {
    const other = Buffer.alloc(32, 9).toString('base64');
    const fromEnv = planOf(`operator --url ${URL_A} --scenario token-generate`).plan.target.credentials;
    const fromFlags = planOf(`operator --url ${URL_A} --scenario token-generate --api-key flag --secret ${other}`).plan
      .target.credentials;
    expect([fromEnv?.apiKey.reveal(), fromEnv?.clientSecret.reveal()]).toEqual(['key-from-env', SECRET]);
    expect([fromFlags?.apiKey.reveal(), fromFlags?.clientSecret.reveal()]).toEqual(['flag', other]);
  });

  it('keeps credentials out of everything printable', () => {
    const printed = inspect(planOf(`operator --url ${URL_A} --scenario token-generate`), { depth: 10 });
    expect(printed).not.toContain('key-from-env');
    expect(printed).not.toContain(SECRET);
  });

  it('paces health on one connection and needs no credentials for it', () => {
    const { plan } = planOf(`operator --url ${URL_A} --scenario health`, {});
    expect(plan).toMatchObject({ connections: 1, ratePerSecond: 100 });
    expect(plan.target.credentials).toBeUndefined();
  });

  it('plans an unpaced load beside, with its own connections and the same window', () => {
    const { plan, beside } = planOf(
      `operator --url ${URL_A} --scenario health --beside identity-map --batch 100 --duration 5`,
    );
    expect(plan).toMatchObject({ scenario: 'health', connections: 1 });
    expect(beside).toMatchObject({
      scenario: 'identity-map',
      connections: 4,
      batch: 100,
      durationMs: 5_000,
      processes: 1,
    });
    expect(beside?.ratePerSecond).toBeUndefined();
    expect(beside?.target.credentials?.apiKey.reveal()).toBe('key-from-env');
  });
});

describe('parseArguments compare', () => {
  function targetsOf(line: string, env: Record<string, string> = ENV) {
    const invocation = parse(line, env);
    if (invocation.command !== 'compare') throw new Error(`not compare but ${invocation.command}`);
    return { ...invocation, keys: invocation.plans.map(({ target }) => target.credentials?.apiKey.reveal()) };
  }
  const line = `compare --url ${URL_A} --url ${URL_B} --scenario token-generate`;

  it('takes one pair of credentials for both operators', () => {
    const { plans, rounds, keys } = targetsOf(line);
    expect([plans.map(({ target }) => target.url), rounds, keys]).toEqual([
      [URL_A, URL_B],
      5,
      ['key-from-env', 'key-from-env'],
    ]);
  });

  it('takes separate credentials from flags, or from the environment under _2', () => {
    expect(targetsOf(`${line} --api-key one --api-key two`).keys).toEqual(['one', 'two']);
    expect(targetsOf(line, { ...ENV, UID2_API_KEY_2: 'second' }).keys).toEqual(['key-from-env', 'second']);
  });
});

describe('parseArguments micro', () => {
  it('runs all benchmarks unless some are named', () => {
    expect(parse('micro')).toEqual({
      command: 'micro',
      benchmarks: [
        'identity-map',
        'token-pair',
        'envelope',
        'salt-file',
        'evidence',
        'layer-hash',
        'policy-image',
        'kbs-handshake',
        'admission',
      ],
      rounds: 15,
    });
    expect(parse('micro envelope --rounds 3')).toEqual({ command: 'micro', benchmarks: ['envelope'], rounds: 3 });
  });
});

describe('parseArguments refuses', () => {
  const operator = `operator --url ${URL_A} --scenario token-generate`;
  it.each([
    ['', 'operator, compare or micro'],
    ['measure', '"measure" is not a command'],
    ['operator --scenario health', '--url is missing'],
    [`operator --url ${URL_A}`, '--scenario is missing'],
    [`operator --url ${URL_A} --scenario token`, '--scenario does not know "token"'],
    ['operator --url ftp://host --scenario health', '--url wants an http or https address'],
    ['operator --url nonsense --scenario health', '--url wants an http or https address'],
    [`${operator} --url ${URL_B}`, 'compare measures two'],
    [`${operator} further`, 'no further word'],
    [`${operator} --connections 0`, '--connections wants a whole number from 1'],
    [`${operator} --connections 1.5`, '--connections wants a whole number'],
    [`${operator} --connections 1e3`, '--connections wants a whole number'],
    [`${operator} --connections 2 --processes 3`, '--processes 3 cannot share 2 connections'],
    [`${operator} --duration 0`, '--duration wants a number above 0'],
    [`${operator} --duration soon`, 'but got "soon"'],
    [`${operator} --warmup=-1`, '--warmup wants a number from 0'],
    [`${operator} --kind name`, '--kind does not know "name"'],
    [`${operator} --rounds 3`, '--rounds has no meaning for operator'],
    [`${operator} --beside-connections 3`, '--beside-connections needs --beside'],
    [`${operator} --unknown`, "Unknown option '--unknown'"],
    [`${operator} --secret tooshort`, 'not 32 bytes in Base64'],
    [`compare --url ${URL_A} --scenario health`, 'compare needs --url twice, but got it 1 times'],
    ['micro everything', 'micro does not know "everything"'],
    ['micro --binary', '--binary has no meaning for micro'],
  ])('%s', (line, saying) => {
    expect(refusalOf(line)).toContain(saying);
  });

  it('a missing credential, naming the variable and the flag', () => {
    expect(refusalOf(operator, {})).toBe('set UID2_API_KEY in the environment, or give --api-key');
    expect(refusalOf(operator, { UID2_API_KEY: 'k' })).toBe(
      'set UID2_CLIENT_SECRET in the environment, or give --secret',
    );
  });

  it('a wrong secret without repeating it', () => {
    expect(refusalOf(`${operator} --secret my-hidden-words`)).not.toContain('hidden');
  });
});

function refusalOf(line: string, env: Record<string, string> = ENV): string {
  try {
    parse(line, env);
  } catch (error) {
    if (error instanceof RequestError && error.code === 'BENCH_USAGE_INVALID') return error.message;
    throw error;
  }
  throw new Error('accepted');
}
