import { PlatformError } from '@holdfast/base';
import { apply } from '@holdfast/deployment';
import type { EngineEvent } from '@holdfast/deployment';
import type { Deploy, DeployEvent } from '@holdfast/local';

import type { CliIo } from '../context.ts';
import { openDeployment } from '../deployment/open-deployment.ts';

/**
 * Deploys the operator of a home folder as `holdfast apply --target local` does, but without the checks of the doctor: a release
 * that somebody has changed is to be refused by the guest and by Core, which is what a local cloud is there to show.
 */
export function deployOperator(io: CliIo): Deploy {
  return async ({ home, configFile, signal, onEvent }) => {
    const opened = await openDeployment(
      io,
      { file: configFile, target: 'local', home, json: false },
      { onEvent: (event) => tell(event, onEvent), signal, withKey: true },
    );
    try {
      await apply(opened.run);
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'OPERATOR_OTHER_VERSION') throw error;
      onEvent({ kind: 'notice', text: `${error.message}: it is left as it is` });
    } finally {
      await opened.close();
    }
  };
}

function tell({ stage, event, detail }: EngineEvent, onEvent: (event: DeployEvent) => void): void {
  // Nothing is checked here.
  if (stage === 'S0') return;
  if (event === 'started') onEvent({ kind: 'stage-begun', stage, title: detail ?? '' });
  else if (event === 'already') onEvent({ kind: 'stage-done', stage, detail: 'already' });
  else if (event === 'done') onEvent({ kind: 'stage-done', stage, detail: detail ?? 'done' });
}
