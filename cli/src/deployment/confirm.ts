import { RequestError } from '@holdfast/base';
import { environmentOf } from '@holdfast/deployment';
import type { Run } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';
import { readLine } from '../read-line.ts';

/**
 * Asks before something is changed, naming subscription, group, environment and region. For `prod` the name of the group
 * has to be typed.
 * @throws RequestError DEPLOYMENT_UNCONFIRMED where there is no terminal to ask on, or the answer is no
 */
export async function confirmRun(io: CliIo, run: Run, what: string, yes: boolean): Promise<void> {
  const { config, resolved, subscriptionName } = run;
  const group = config.resourceGroup.name;
  const environment = environmentOf(config);
  if (yes) return;
  io.stderr.write(
    `${what}\n` +
      `  subscription  ${subscriptionName} (${resolved.subscriptionId})\n` +
      `  group         ${group}\n` +
      `  environment   ${environment}\n` +
      `  region        ${config.location}\n`,
  );
  if (io.stdin.isTTY !== true || !io.stderr.isTerminal) {
    throw new RequestError('DEPLOYMENT_UNCONFIRMED', 'nothing was changed: this needs a confirmation', {
      action: 'Confirm it on a terminal, or give --yes.',
    });
  }
  const typed = environment === 'prod';
  io.stderr.write(typed ? 'Type the name of the group to go on: ' : 'Go on? [y/N] ');
  const answer = (await readLine(io)).trim();
  const good = typed ? answer === group : /^y(?:es)?$/i.test(answer);
  if (!good) {
    throw new RequestError('DEPLOYMENT_UNCONFIRMED', 'nothing was changed', {
      action: 'Run the command again when you are sure.',
    });
  }
}
