import { resolve } from 'node:path';

import { fromBase64, fromUtf8, MalformedError, toHex } from '@holdfast/base';
import {
  buildInitdata,
  checkInitdata,
  decodeInitdata,
  encodeInitdata,
  INITDATA_ANNOTATION,
  measureInitdata,
  parseInitdata,
} from '@holdfast/initdata';
import type { Initdata, InitdataFinding } from '@holdfast/initdata';
import { writeFileAtomic } from '@holdfast/process';

import type { InitdataBuildFlags } from '../commands/initdata.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { looksLikeManifests, readInitdataItems, readPods } from './read-inputs.ts';
import { nameOf, readText, unreadable } from './read-bytes.ts';
import { findingJson, line, renderFindings } from './render.ts';
import { optionsConflict } from './run-inspect.ts';

const POLICY_ANNOTATION = 'io.katacontainers.config.agent.policy';

/** `holdfast initdata build`: a document of files, in the form that its place needs. */
export async function runBuild({ io }: CliContext, flags: InitdataBuildFlags): Promise<void> {
  const forms = [flags.base64, flags.annotation, flags.manifest !== undefined].filter(Boolean).length;
  if (forms > 1) throw optionsConflict('--base64, --annotation and --manifest exclude one another');
  const base = flags.from === undefined ? undefined : await readBase(io, flags.from);
  const data = await readEntries(io, flags, base);
  if (data.size === 0)
    throw optionsConflict('there is nothing to build of: give --aa, --cdh, --policy, --data or --from');
  const algorithm = flags.algorithm ?? base?.algorithm ?? 'sha256';
  const document = buildInitdata({ algorithm, data });
  const guest = flags.bareMetal ? 'bare-metal' : 'peer-pod';
  const findings = checkInitdata(document, { now: Date.now(), guest });
  refuseErrors(findings, io);
  const text = await formOf(document, flags, io);
  if (flags.output !== undefined) await writeFileAtomic(resolve(io.cwd, flags.output), text);
  if (flags.json) {
    writeJson(io, asJson(document, findings, flags.output));
    return;
  }
  if (flags.output === undefined) io.stdout.write(text);
  renderFindings(findings, io.stderr);
  const { digest, pcr8 } = measureInitdata(document);
  line(io.stderr, `${algorithm} ${toHex(digest)}, PCR 8 ${toHex(pcr8)}`);
}

async function readBase(io: CliIo, path: string): Promise<Initdata> {
  const items = await readInitdataItems(io, path);
  const [item] = items;
  if (item === undefined || items.length > 1) throw unreadable(nameOf(path), 'it holds several initdata documents');
  if (item.problem !== undefined) throw item.problem;
  return parseInitdata(item.document ?? '');
}

async function readEntries(
  io: CliIo,
  flags: InitdataBuildFlags,
  base: Initdata | undefined,
): Promise<ReadonlyMap<string, string>> {
  const given = [
    ...(flags.aa === undefined ? [] : [{ name: 'aa.toml', file: flags.aa }]),
    ...(flags.cdh === undefined ? [] : [{ name: 'cdh.toml', file: flags.cdh }]),
    ...(flags.policy === undefined ? [] : [{ name: 'policy.rego', file: flags.policy }]),
    ...(flags.data ?? []),
  ];
  const twice = given.find(({ name }, index) => given.findIndex((other) => other.name === name) < index);
  if (twice !== undefined) throw optionsConflict(`the entry ${twice.name} is given twice`);
  const data = new Map(base?.data);
  for (const { name, file } of given) {
    data.set(name, name === 'policy.rego' ? await readPolicy(io, file) : await readText(io, file));
  }
  return data;
}

/** A policy as it is found: by itself, as the policy generator prints it, or in a pod that the generator annotated. */
async function readPolicy(io: CliIo, path: string): Promise<string> {
  const text = await readText(io, path);
  if (looksLikeManifests(Buffer.from(text))) return annotatedPolicy(io, path);
  const encoded = text.trim();
  if (encoded === '' || /[^A-Za-z0-9+/=]/u.test(encoded)) return text;
  return decoded(encoded, nameOf(path));
}

async function annotatedPolicy(io: CliIo, path: string): Promise<string> {
  const { podAnnotation } = await import('@holdfast/policy');
  const { templates } = await readPods(io, path);
  const policies = templates.flatMap((template) => {
    const initdata = podAnnotation(template, INITDATA_ANNOTATION) ?? '';
    if (initdata !== '') return parseInitdata(decodeInitdata(initdata).document).data.get('policy.rego') ?? [];
    const policy = podAnnotation(template, POLICY_ANNOTATION) ?? '';
    return policy === '' ? [] : [decoded(policy, nameOf(path))];
  });
  const [policy] = new Set(policies);
  if (policy === undefined) throw unreadable(nameOf(path), 'no pod has a Kata policy');
  if (new Set(policies).size > 1) throw unreadable(nameOf(path), 'its pods have different Kata policies');
  return policy;
}

function decoded(base64: string, name: string): string {
  try {
    return fromUtf8(fromBase64(base64));
  } catch (cause) {
    throw unreadable(name, 'the policy is not Base64 of text', cause);
  }
}

function refuseErrors(findings: readonly InitdataFinding[], io: CliIo): void {
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  renderFindings(errors, io.stderr);
  const codes = [...new Set(errors.map(({ code }) => code))];
  throw new MalformedError('INITDATA_UNSOUND', 'a guest would not start, or not work, with this initdata', {
    details: { findings: codes },
    action: 'Correct what is listed; nothing was written.',
  });
}

async function formOf(document: string, flags: InitdataBuildFlags, io: CliIo): Promise<string> {
  const value = encodeInitdata(document);
  if (flags.base64) return `${value}\n`;
  if (flags.annotation) return `${INITDATA_ANNOTATION}: ${value}\n`;
  if (flags.manifest === undefined) return document;
  const { annotatePods } = await import('@holdfast/policy');
  const { stream, templates } = await readPods(io, flags.manifest);
  return annotatePods(
    stream,
    templates.map((template) => ({ template, key: INITDATA_ANNOTATION, value })),
  );
}

function asJson(document: string, findings: readonly InitdataFinding[], output: string | undefined): object {
  const { algorithm, digest, pcr8 } = measureInitdata(document);
  return {
    version: 1,
    document,
    annotation: { key: INITDATA_ANNOTATION, value: encodeInitdata(document) },
    algorithm,
    digest: toHex(digest),
    pcr8: toHex(pcr8),
    findings: findings.map(findingJson),
    output: output ?? null,
  };
}
