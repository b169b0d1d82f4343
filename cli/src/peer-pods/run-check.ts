import { RequestError } from '@holdfast/base';
import { checkPeerPodsSettings, cidrOf, readPeerPodsSettings } from '@holdfast/deployment';

import type { PeerPodsCheckFlags } from '../commands/peer-pods.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { line } from '../initdata/render.ts';
import { readText } from '../initdata/read-bytes.ts';

/** `holdfast peer-pods check` */
export async function runCheck(context: CliContext, flags: PeerPodsCheckFlags, path: string): Promise<void> {
  if (flags.subnet !== undefined && cidrOf(flags.subnet) === undefined) {
    throw new RequestError('SUBNET_INVALID', `--subnet ${flags.subnet} is no range of addresses`, {
      action: 'Write it as 10.20.0.0/24.',
    });
  }
  const settings = readPeerPodsSettings(await readText(context.io, path));
  const crossed = checkPeerPodsSettings(settings, {
    confidentialGate: flags.confidential,
    ...(flags.nodes === undefined ? {} : { nodes: flags.nodes }),
    ...(flags.subnet === undefined ? {} : { subnetCidr: flags.subnet }),
    ...(flags.noEgress ? { subnetHasEgress: false } : {}),
  });
  const problems = [...settings.problems, ...crossed];
  const failed = problems.some(({ severity }) => severity === 'error');
  if (failed) context.setExitCode(EXIT_FAILED);
  if (flags.json) {
    writeJson(context.io, { version: 1, ok: !failed, problems, settings: Object.fromEntries(settings.values) });
    return;
  }
  for (const { severity, key, message } of problems)
    line(context.io.stdout, `${severity.padEnd(7)}  ${key}: ${message}`);
  const count = (wanted: string): number => problems.filter(({ severity }) => severity === wanted).length;
  line(context.io.stderr, `${settings.values.size} settings, ${count('error')} errors, ${count('warning')} warnings`);
}
