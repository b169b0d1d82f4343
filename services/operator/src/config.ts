import { ConfigError } from '@holdfast/base';
import { loadConfig } from '@holdfast/process';
import type { ConfigSources } from '@holdfast/process';
import { z } from 'zod';

import { api, apiConfig } from './config/api.ts';
import type { ApiConfig } from './config/api.ts';
import { attestation, attestationConfig } from './config/attestation.ts';
import type { AttestationConfig } from './config/attestation.ts';
import { launchVariables } from './config/launch.ts';
import { listening, listeningConfig } from './config/listening.ts';
import type { ListeningConfig } from './config/listening.ts';
import { operatorKey, operatorKeySource } from './config/operator-key.ts';
import type { OperatorKeySource } from './config/operator-key.ts';
import { optOutConfig, optOuts } from './config/opt-outs.ts';
import type { OptOutConfig } from './config/opt-outs.ts';
import { runtimeConfiguration, runtimeKeys } from './config/runtime-configuration.ts';
import { shutdown, shutdownConfig } from './config/shutdown.ts';
import type { ShutdownConfig } from './config/shutdown.ts';
import { stores, storesConfig } from './config/stores.ts';
import type { StoresConfig } from './config/stores.ts';
import { readLaunchSettings } from './lifecycle/launch-settings.ts';
import type { LaunchSettings } from './lifecycle/launch-settings.ts';

/** Every setting, under the name it has in the environment and in the configuration file. Each group is in a file of its own. */
export const configSchema = z.object({
  ...launchVariables,
  ...listening,
  ...operatorKey,
  ...attestation,
  ...stores,
  ...runtimeConfiguration,
  ...optOuts,
  ...shutdown,
  ...api,
});

export interface OperatorConfig extends ListeningConfig, AttestationConfig, StoresConfig, ShutdownConfig, ApiConfig {
  /** Set when the manifest's variables start this operator, as in a confidential container. */
  readonly launch: LaunchSettings | undefined;
  readonly version: string;
  readonly operatorKey: OperatorKeySource;
  /** The runtime configuration's keys when it does not come from Core. */
  readonly staticRuntimeConfig: Readonly<Record<string, string | number>> | undefined;
  readonly optOut: OptOutConfig;
}

/**
 * The operator's configuration: the manifest's launch variables, which derive every address, or the reference's own keys.
 * A key that is set always wins over a derived value.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE
 * @throws ConfigError LAUNCH_SETTING_MISSING (E03), LAUNCH_SETTING_INVALID (E04): all problems together
 */
export function loadOperatorConfig(sources: Omit<ConfigSources<typeof configSchema>, 'schema'>): OperatorConfig {
  const settings = loadConfig({ ...sources, schema: configSchema });
  const launch = readLaunchSettings(settings);
  const problems: string[] = [];
  const config = derive(settings, launch, problems);
  if (problems.length > 0) {
    throw new ConfigError('CONFIG_INVALID', problems, {
      action: 'Correct the named settings in the configuration file or the environment.',
    });
  }
  return Object.freeze(config);
}

function derive(
  settings: z.output<typeof configSchema>,
  launch: LaunchSettings | undefined,
  problems: string[],
): OperatorConfig {
  const attesting = attestationConfig(settings, launch, problems);
  return {
    launch,
    version: settings.IMAGE_VERSION,
    ...listeningConfig(settings),
    operatorKey: operatorKeySource(settings, launch, problems),
    ...attesting,
    ...storesConfig(settings, launch, attesting.attestUrl),
    staticRuntimeConfig: settings.enable_remote_config ? undefined : runtimeKeys(settings),
    optOut: optOutConfig(settings, launch),
    ...shutdownConfig(settings),
    ...apiConfig(settings),
  };
}
