import {
  bundleVersion,
  gatherFacts,
  hasHealthyIntegRun,
  inspectBundle,
  journalFacts,
  readReceipts,
  runDoctor,
} from '@holdfast/deployment';
import type { CheckResult, FileFacts, Need } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';
import type { OpenDeployment } from './open-deployment.ts';
import { probeTools } from './probe-tools.ts';

/** Checks of what an apply makes by itself: they must not stand in the way of a run that goes on. */
const madeByApply: ReadonlySet<string> = new Set(['PV-04', 'RA-01', 'NW-11', 'PL-01', 'CL-01', 'KC-04']);

/** Checks of a name that a vault keeps which is about to be brought back. */
const madeByRecovery: ReadonlySet<string> = new Set(['NM-13', 'NM-14']);

/** What such a check finds is told and blocks nothing; versions are nothing that an apply makes. */
function demoted(result: CheckResult): CheckResult {
  if (!madeByApply.has(result.check.id) || result.severity !== 'error') return result;
  if (result.findings.some(({ message }) => message.startsWith('Kubernetes 1.'))) return result;
  return { ...result, severity: 'warning' };
}

/** The checks of the doctor for a run: with the release, the key, the records of earlier runs, and what the cloud says. */
export async function checksFor(io: CliIo, { run, target }: OpenDeployment): Promise<readonly CheckResult[]> {
  const { ports, config, operatorKey } = run;
  const needs: ReadonlySet<Need> = new Set(['azure', 'cluster']);
  const [tools, files, live] = await Promise.all([
    probeTools(io.env),
    fileFacts(run),
    gatherFacts(
      config,
      {
        arm: ports.arm,
        vault: ports.vault,
        openCluster: ports.openCluster,
        clock: ports.clock,
        sleep: ports.sleep,
        // The hosts of the real world say nothing about a local cloud.
        ...(target.kind === 'local' ? {} : { http: ports.http }),
        ...(operatorKey === undefined ? {} : { operatorKey }),
      },
      { needs },
    ),
  ]);
  const facts = { tools, files, ...(live.azure === undefined ? {} : { azure: live.azure }) };
  const deleted = live.azure?.vault?.deleted;
  const recovers = run.recoverVault && deleted !== undefined && deleted !== 'none';
  return runDoctor(config, facts).map((result) =>
    recovers && madeByRecovery.has(result.check.id) ? { ...result, severity: 'warning' } : demoted(result),
  );
}

async function fileFacts(run: OpenDeployment['run']): Promise<FileFacts> {
  const { config, bundle, operatorKey, ports } = run;
  const journal = journalFacts((await ports.state.read(run.journalName)) ?? '', run.configHash);
  const common: FileFacts = {
    ...(operatorKey === undefined ? {} : { operatorKey }),
    ...(journal === undefined ? {} : { journal }),
    ...(bundle === undefined ? {} : { bundle }),
  };
  if (config.profile !== 'uid2-vn2' || bundle === undefined) return common;
  const { digest } = inspectBundle(bundle, config);
  const release = { version: bundleVersion(bundle, config), policyDigest: digest };
  return { ...common, integRecord: hasHealthyIntegRun(await readReceipts(ports.state), release) };
}
