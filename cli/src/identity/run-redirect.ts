import { isIPv4 } from 'node:net';

import { RequestError } from '@holdfast/base';
import { applyCommands, createRedirector } from '@holdfast/pod-identity';
import type { RedirectCommand, Redirector } from '@holdfast/pod-identity';

import type { RedirectFlags } from '../commands/identity.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { line } from '../initdata/render.ts';

/** `holdfast identity redirect` */
export async function runRedirect(
  context: CliContext,
  flags: RedirectFlags,
  create: (options: Parameters<typeof createRedirector>[0]) => Redirector = createRedirector,
): Promise<void> {
  const { io } = context;
  const chosen = (['apply', 'remove', 'print'] as const).filter((each) => flags[each]);
  const [what] = chosen;
  if (what === undefined || chosen.length > 1) {
    throw new RequestError('REDIRECT_OPTIONS', 'one of --apply, --remove and --print is needed', {
      action: 'Use --print to see the rules first.',
    });
  }
  for (const [name, address] of [
    ['nmi-listen-address', flags.nmiListenAddress],
    ['metadata-ip', flags.metadataIp],
  ] as const) {
    if (isIPv4(address)) continue;
    throw new RequestError('REDIRECT_OPTIONS', `--${name}: "${address}" is no IPv4 address`, {
      action: 'Pod identity knows IPv4 only.',
    });
  }
  const redirection = {
    metadataAddress: flags.metadataIp,
    metadataPort: flags.metadataPort,
    listenAddress: flags.nmiListenAddress,
    listenPort: flags.nmiPort,
  };
  const { tool } = flags;
  if (what === 'print') {
    const commands = applyCommands(tool, redirection);
    if (flags.json) writeJson(io, { version: 1, tool, commands });
    else for (const command of commands) io.stdout.write(asText(command));
    return;
  }
  await create({ tool, redirection })[what]();
  if (flags.json) writeJson(io, { version: 1, tool, [what === 'apply' ? 'applied' : 'removed']: true });
  else line(io.stdout, what === 'apply' ? 'pods are redirected' : 'pods are no longer redirected');
}

function asText({ program, arguments: words, input, mayFail }: RedirectCommand): string {
  const command = `${[program, ...words].join(' ')}${mayFail === true ? ' || true' : ''}`;
  return input === undefined ? `${command}\n` : `${command} <<'END'\n${input}END\n`;
}
