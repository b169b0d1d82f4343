import type { Command, RouteMap } from '@stricli/core';

import type { CliContext } from '../context.ts';
import { applyCommand, doctorCommand, exportRoutes, planCommand, statusCommand } from './deployment.ts';
import {
  destroyCommand,
  diagnoseCommand,
  rollbackRoutes,
  rotateKeyCommand,
  upgradeRoutes,
} from './deployment-operations.ts';
import { downCommand } from './down.ts';
import { evidenceRoutes } from './evidence.ts';
import { identityRoutes } from './identity.ts';
import { initdataRoutes } from './initdata.ts';
import { keyRoutes } from './key.ts';
import { peerPodsRoutes } from './peer-pods.ts';
import { policyRoutes } from './policy.ts';
import { releaseRoutes } from './release.ts';
import { sampleRoutes } from './sample.ts';
import { serveCommand } from './serve.ts';
import { trusteeRoutes } from './trustee.ts';
import { uid2Routes } from './uid2.ts';
import { upCommand } from './up.ts';

/** All commands, in the order in which help lists them. */
export const routes: Readonly<Record<string, Command<CliContext> | RouteMap<CliContext>>> = {
  up: upCommand,
  down: downCommand,
  serve: serveCommand,
  uid2: uid2Routes,
  evidence: evidenceRoutes,
  key: keyRoutes,
  policy: policyRoutes,
  doctor: doctorCommand,
  plan: planCommand,
  apply: applyCommand,
  status: statusCommand,
  diagnose: diagnoseCommand,
  upgrade: upgradeRoutes,
  rollback: rollbackRoutes,
  'rotate-key': rotateKeyCommand,
  destroy: destroyCommand,
  export: exportRoutes,
  release: releaseRoutes,
  identity: identityRoutes,
  initdata: initdataRoutes,
  'peer-pods': peerPodsRoutes,
  trustee: trusteeRoutes,
  sample: sampleRoutes,
};
