import type { VerifyFlags } from '../commands/evidence.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { hardwareReport, partsOf } from './evidence-parts.ts';
import type { EvidenceParts } from './evidence-parts.ts';
import { loadExpectations } from './expectations.ts';
import { MissingParts } from './fetch-missing.ts';
import { judge } from './judge.ts';
import { readInputs } from './read-inputs.ts';
import { renderInputs, renderJudgement } from './render.ts';
import { loadTrust, withIssuers } from './trust.ts';
import type { Trust } from './trust.ts';

/** `holdfast evidence verify`: judges the files given as one piece of evidence; exit code 1 for a negative verdict. */
export async function runVerify(context: CliContext, flags: VerifyFlags, ...paths: string[]): Promise<void> {
  const { io } = context;
  const inputs = await readInputs(paths, io.cwd);
  const given = { parts: partsOf(inputs), trust: await loadTrust(flags.root ?? [], io.cwd) };
  const expected = await loadExpectations(flags, io.cwd);
  const { parts, trust } = flags.fetch ? await completed(given.parts, given.trust, io.env) : given;
  const now = flags.at ?? Date.now();
  const judgement = judge(parts, trust, now, expected);
  if (!judgement.ok) context.setExitCode(EXIT_FAILED);
  if (flags.json) {
    const { ok, failed, checks, notChecked, simulated } = judgement;
    const items = inputs.map(({ file, item }) => ({ file, kind: item.kind }));
    const at = new Date(now).toISOString();
    writeJson(io, {
      version: 1,
      verdict: ok ? 'ok' : 'refused',
      at,
      failed: failed ?? null,
      simulated,
      items,
      checks,
      notChecked,
    });
    return;
  }
  renderInputs(inputs, io);
  renderJudgement(judgement, now, io);
}

/** Parts and trust with what the network has of them. */
async function completed(
  parts: EvidenceParts,
  trust: Trust,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly parts: EvidenceParts; readonly trust: Trust }> {
  const missing = new MissingParts(env);
  try {
    const keySet = parts.keySet ?? (parts.token === undefined ? undefined : await missing.keySetFor(parts.token));
    const hardware = hardwareReport(parts);
    if (hardware === undefined) return { parts: { ...parts, keySet }, trust };
    const { leaf, issuers, lists } = await missing.forReport(hardware.report, hardware.certificates);
    return {
      parts: {
        ...parts,
        keySet,
        certificates: [...parts.certificates, ...leaf],
        revocationLists: [...parts.revocationLists, ...lists],
      },
      trust: withIssuers(trust, issuers),
    };
  } finally {
    await missing.close();
  }
}
