import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { configSchema as attestationConfig } from '../services/attestation/src/config.ts';
import { configSchema as coreConfig } from '../services/core/src/config.ts';
import { configSchema as operatorConfig } from '../services/operator/src/config.ts';
import { configSchema as optOutConfig } from '../services/optout/src/config.ts';
import { configSchema as podIdentityConfig } from '../services/pod-identity/src/config.ts';
import { controllerConfigSchema } from '../services/pod-identity/src/controller/config.ts';
import { workloadProxyConfigSchema } from '../services/pod-identity/src/workload-proxy/config.ts';
import { configSchema as secretsStoreConfig } from '../services/secrets-store/src/config.ts';
import { configSchema as skrConfig } from '../services/skr/src/config.ts';
import { configSchema as trusteeConfig } from '../services/trustee/src/config.ts';
import { configSchema as webhookConfig } from '../services/webhook/src/config.ts';
import { configSchema as voteConfig } from '../samples/vote/src/config.ts';
import { acceptancePage } from './reference/acceptance-page.ts';
import { cliPage } from './reference/cli-page.ts';
import { configPage } from './reference/config-page.ts';
import { deploymentConfigPage } from './reference/deployment-config-page.ts';
import { doctorPage } from './reference/doctor-page.ts';
import { errorsPage } from './reference/errors-page.ts';
import { exitCodesPage } from './reference/exit-codes-page.ts';
import { guideCommandsPage } from './reference/guide-commands-page.ts';
import { metricsPage } from './reference/metrics-page.ts';
import { repositoryRoot } from './workspaces.ts';

/** Writes docs/reference from the sources. `--check` writes nothing and fails when a page is out of date. */
const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  'errors.md': errorsPage,
  'exit-codes.md': exitCodesPage,
  'metrics.md': metricsPage,
  'cli.md': cliPage,
  'doctor.md': doctorPage,
  'acceptance.md': acceptancePage,
  'guide-commands.md': guideCommandsPage,
  'holdfast-yaml.md': deploymentConfigPage,
  'config-operator.md': () => configPage('operator', operatorConfig),
  'config-core.md': () => configPage('core', coreConfig),
  'config-optout.md': () => configPage('optout', optOutConfig),
  'config-attestation.md': () => configPage('attestation', attestationConfig),
  'config-skr.md': () => configPage('skr', skrConfig),
  'config-pod-identity.md': () => configPage('pod-identity', podIdentityConfig),
  'config-pod-identity-controller.md': () =>
    configPage('pod-identity-controller', controllerConfigSchema, 'services/pod-identity', 'controller/config.ts'),
  'config-identity-proxy.md': () =>
    configPage('identity-proxy', workloadProxyConfigSchema, 'services/pod-identity', 'workload-proxy/config.ts'),
  'config-secrets-store.md': () => configPage('secrets-store', secretsStoreConfig),
  'config-trustee.md': () => configPage('trustee', trusteeConfig),
  'config-vote.md': () => configPage('vote', voteConfig, 'samples/vote'),
  'config-webhook.md': () => configPage('webhook', webhookConfig),
};

const check = process.argv.includes('--check');
for (const [name, render] of Object.entries(pages)) {
  const path = `docs/reference/${name}`;
  const file = join(repositoryRoot, path);
  const content = await render();
  if (check) {
    if (!existsSync(file) || readFileSync(file, 'utf8') !== content) {
      process.stderr.write(`${path} is out of date: run npm run docs\n`);
      process.exitCode = 1;
    }
  } else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}
