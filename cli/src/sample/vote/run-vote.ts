import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { DependencyError, RequestError } from '@holdfast/base';
import type { KubernetesObject, KubernetesPort } from '@holdfast/deployment';
import { HttpClient } from '@holdfast/http';
import { findRedisServer, homeLayout, REDIS_SERVER_MISSING, startLocalCloud } from '@holdfast/local';
import type { LocalCloud, ProgressEvent } from '@holdfast/local';

import type { VoteFlags } from '../../commands/sample.ts';
import { writeJson } from '../../context.ts';
import type { CliContext, CliIo } from '../../context.ts';
import { connectLocal } from '../../deployment/local-target.ts';
import { addPodIdentity } from '../../identity/add-pod-identity.ts';
import { openCluster } from '../../identity/with-cluster.ts';
import type { OpenedCluster } from '../../identity/with-cluster.ts';
import { progressPrinter, seconds } from '../../up/progress.ts';
import type { StopRequests } from '../../up/run-up.ts';
import { runStory } from '../run-story.ts';
import type { Story } from '../run-story.ts';
import { Steps } from '../steps.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { migrateVote } from './migrate-vote.ts';
import { CLOSED_VAULT, CLUSTER, makeVoteResources, NAME, NAMESPACE } from './vote-azure.ts';
import type { VoteIdentity, VoteResources } from './vote-azure.ts';
import {
  applicationObjects,
  closedClass,
  deploymentReference,
  secretObjects,
  secretReference,
  wrongPod,
} from './vote-objects.ts';
import { VotePage } from './vote-page.ts';
import type { Votes } from './vote-page.ts';

const SALTS = 16;
/** Who the objects of the sample belong to. */
const FIELD_MANAGER = 'holdfast-sample';
const STRANGER = 'azure-vote-stranger';
const REFUSED = 'azure-vote-refused';
/** What the event of a pod says whose identity is not to be had. */
const NO_IDENTITY: Readonly<Record<VoteIdentity, RegExp>> = {
  pod: /nmi response failed with status code: 404/,
  workload: /AADSTS70021/,
};
const NO_POLICY = /ForbiddenByPolicy|ForbiddenByRbac|403/;

/** `holdfast sample vote`: the guide's scenario on this machine, against a real Redis. */
export async function runVote(context: CliContext, flags: VoteFlags): Promise<void> {
  const { io } = context;
  if (flags.migrate && flags.identity === 'workload') {
    throw new RequestError('SAMPLE_NOTHING_TO_MIGRATE', 'with --identity workload there is no pod identity to leave', {
      action: 'Leave --identity or --migrate out.',
    });
  }
  if (findRedisServer(io.env) === undefined) {
    throw new DependencyError('SAMPLE_NEEDS_REDIS', REDIS_SERVER_MISSING, {
      retryable: false,
      action: 'Install it (apt install redis-server), or name it with HOLDFAST_REDIS_SERVER.',
    });
  }
  await runStory(context, flags, (stop) => new VoteStory(io, flags, stop));
}

/** What was proved, for whoever reads it by program. */
interface Proof {
  readonly check: string;
  readonly detail: string;
}

class VoteStory implements Story {
  readonly #io: CliIo;
  readonly #flags: VoteFlags;
  readonly #stop: StopRequests;
  readonly #print: (event: ProgressEvent) => void;
  readonly #steps: Steps;
  readonly #client = new HttpClient();
  readonly #proofs: Proof[] = [];
  #cloud: LocalCloud | undefined;

  constructor(io: CliIo, flags: VoteFlags, stop: StopRequests) {
    this.#io = io;
    this.#flags = flags;
    this.#stop = stop;
    this.#print = flags.json ? () => undefined : progressPrinter(io);
    this.#steps = new Steps(this.#print, stop.signal);
  }

  async tell(): Promise<void> {
    const { identity, check, migrate } = this.#flags;
    await this.#startCloud();
    const target = await connectLocal(this.#home);
    try {
      const azure = { arm: target.arm, subscriptionId: target.subscriptionId, tenantId: target.tenantId ?? '' };
      const resources = await this.#steps.run(
        'Azure resources',
        () => makeVoteResources(azure, identity),
        ({ redisHost }) => `cluster ${CLUSTER}, vault ${NAME} with the key of ${redisHost}`,
      );
      const open = () => openCluster(this.#io, { clusterName: CLUSTER, resourceGroup: CLUSTER }, target);
      const opened = await open();
      const api = await opened.openApi();
      const watch = new ClusterWatch(api, this.#stop.signal);
      if (identity === 'pod') await this.#addIdentity(opened, resources);
      const page = await this.#deploy(api, watch, resources);
      if (check) await this.#prove(api, watch, resources, page);
      if (migrate) await this.#migrate(open, api, watch, resources, page);
      if (check) await this.#report(page);
      else await this.#show(page);
    } finally {
      await target.close();
    }
  }

  async end(): Promise<void> {
    const begun = performance.now();
    if (this.#cloud !== undefined) {
      if (!this.#flags.json) this.#io.stderr.write('\nstopping …\n');
      await this.#cloud.stop();
      if (!this.#flags.json) this.#io.stderr.write(`everything is stopped (${seconds(performance.now() - begun)})\n`);
    }
    await this.#client.close();
  }

  get #home(): string {
    return resolve(this.#io.cwd, this.#flags.home);
  }

  async #startCloud(): Promise<void> {
    const home = this.#home;
    this.#cloud = await startLocalCloud({
      home,
      portBase: this.#flags.portBase,
      salts: existsSync(homeLayout(home).marker) ? undefined : SALTS,
      only: ['azure'],
      serve: this.#io.serveCommand,
      environment: this.#io.env,
      signal: this.#stop.signal,
      killSignal: this.#stop.killSignal,
      onProgress: this.#print,
    });
  }

  async #addIdentity(opened: OpenedCluster, { identityId }: VoteResources): Promise<void> {
    await this.#steps.run(
      'pod identity',
      () =>
        addPodIdentity(
          opened,
          { identityResourceId: identityId, namespace: NAMESPACE, enable: true, allowKubenet: false },
          () => undefined,
        ),
      ({ entry }) => `pods of ${NAMESPACE} labelled aadpodidbinding: ${entry.bindingSelector}`,
    );
  }

  /** Applies the manifests, and waits for the page. */
  async #deploy(api: KubernetesPort, watch: ClusterWatch, resources: VoteResources): Promise<VotePage> {
    const { identity, check } = this.#flags;
    if (check) await this.#removeOld(api, watch);
    await this.#applyAll(api, await secretObjects(identity, resources));
    if (check) {
      const early = await watch.read(secretReference);
      this.#expect(early === undefined, 'the Secret is there before a pod has mounted anything');
      this.#proved('no Secret before the first mount', `the class ${NAME} alone reads nothing`);
    }
    return this.#steps.run(
      'application',
      async () => {
        await this.#applyAll(api, await applicationObjects(identity));
        await watch.readyPod(NAME);
        const url = await watch.address(NAME);
        const page = new VotePage(this.#client, `${url}/`);
        await watch.until(`${url} does not answer`, async () => answered(page));
        return page;
      },
      ({ url }) => `the page is at ${url}`,
    );
  }

  /** What an earlier run has left: everything is to be seen happening. */
  async #removeOld(api: KubernetesPort, watch: ClusterWatch): Promise<void> {
    const { signal } = this.#stop;
    for (const reference of [deploymentReference, ...[STRANGER, REFUSED].map(podReference)]) {
      await api.remove(reference, { signal, propagation: 'Foreground' });
      await watch.gone(reference);
    }
    await api.remove(secretReference, { signal });
    await watch.gone(secretReference);
  }

  /** The guide's checks. */
  async #prove(api: KubernetesPort, watch: ClusterWatch, resources: VoteResources, page: VotePage): Promise<void> {
    await this.#steps.run(
      'checks',
      async () => {
        this.#expect((await watch.read(secretReference)) !== undefined, 'the mount has made no Secret');
        this.#proved('a Secret after the first mount', `Secret ${NAME}, mirrored from the vault`);
        await this.#proveVotes(api, watch, page);
        await this.#proveRefusals(api, watch, resources);
      },
      () => `${this.#proofs.length} passed`,
    );
  }

  async #proveVotes(api: KubernetesPort, watch: ClusterWatch, page: VotePage): Promise<void> {
    const before = await page.votes();
    await page.vote('Cats');
    await page.vote('Dogs');
    const after = await page.vote('Cats');
    const gained = Object.entries(after).map(([choice, votes]) => votes - (before[choice] ?? 0));
    this.#expect(gained.join() === '2,1', `three votes were counted as ${gained.join(' and ')}`);
    this.#proved('votes are counted', textOf(after));
    const old = await watch.readyPod(NAME);
    await api.remove(podReference(old.name), { signal: this.#stop.signal });
    await watch.readyPod(NAME, old.uid);
    await this.#keepsVotes(watch, page, after, 'votes survive their pod');
  }

  async #proveRefusals(api: KubernetesPort, watch: ClusterWatch, resources: VoteResources): Promise<void> {
    const { identity } = this.#flags;
    const application = await applicationObjects(identity);
    const strange = identity === 'pod' ? { binding: 'somebody-else' } : { serviceAccountName: 'default' };
    await this.#applyAll(api, [
      closedClass(await secretObjects(identity, resources)),
      wrongPod(application, STRANGER, strange),
      wrongPod(application, REFUSED, { secretProviderClass: CLOSED_VAULT }),
    ]);
    const what = identity === 'pod' ? 'another label' : 'another service account';
    this.#proved(`a pod with ${what} gets nothing`, await watch.event(STRANGER, NO_IDENTITY[identity]));
    this.#proved('a vault without a policy refuses', await watch.event(REFUSED, NO_POLICY));
    for (const name of [STRANGER, REFUSED]) {
      await api.remove(podReference(name), { signal: this.#stop.signal });
      await watch.gone(podReference(name));
    }
  }

  /** Takes the application to workload identity with what `holdfast identity detect` writes. */
  async #migrate(
    open: () => Promise<OpenedCluster>,
    api: KubernetesPort,
    watch: ClusterWatch,
    resources: VoteResources,
    page: VotePage,
  ): Promise<void> {
    const votes = await page.votes();
    await this.#steps.run(
      'workload identity',
      () => migrateVote({ open, api, watch, resources, apply: (objects) => this.#applyAll(api, objects) }),
      ({ serviceAccount }) => `the pod acts by its service account ${serviceAccount}, without pod identity`,
    );
    await this.#keepsVotes(watch, page, votes, 'votes survive the way to workload identity');
  }

  async #keepsVotes(watch: ClusterWatch, page: VotePage, votes: Votes, check: string): Promise<void> {
    const found = await watch.until('the page does not answer', async () => answered(page));
    this.#expect(textOf(found) === textOf(votes), `the votes were ${textOf(votes)}, and are ${textOf(found)}`);
    this.#proved(check, textOf(found));
  }

  async #applyAll(api: KubernetesPort, objects: readonly KubernetesObject[]): Promise<void> {
    const { signal } = this.#stop;
    for (const object of objects) await api.apply(object, { fieldManager: FIELD_MANAGER, force: true, signal });
  }

  #expect(condition: boolean, otherwise: string): void {
    if (condition) return;
    throw new DependencyError('SAMPLE_NOT_AS_EXPECTED', otherwise, {
      retryable: false,
      action: 'Read the logs in the home folder of the sample.',
    });
  }

  #proved(check: string, detail: string): void {
    this.#proofs.push({ check, detail });
  }

  async #report(page: VotePage): Promise<void> {
    const { identity, migrate, json } = this.#flags;
    const votes = await page.votes();
    if (json) {
      writeJson(this.#io, { version: 1, identity, migrated: migrate, page: page.url, votes, checks: this.#proofs });
      return;
    }
    for (const { check, detail } of this.#proofs) this.#io.stdout.write(`${check}: ${firstLine(detail)}\n`);
  }

  /** Until Ctrl-C. */
  async #show(page: VotePage): Promise<void> {
    const { json, identity, migrate } = this.#flags;
    if (json)
      writeJson(this.#io, { version: 1, identity, migrated: migrate, page: page.url, votes: await page.votes() });
    else {
      this.#io.stderr.write(
        `\nVote at ${page.url}. The cluster: kubectl --kubeconfig ${homeLayout(this.#home).kubeconfig} get pod,svc -l app=${NAME}\nCtrl-C stops everything; votes stay.\n`,
      );
    }
    await pause(2 ** 31 - 1, undefined, { signal: this.#stop.signal });
  }
}

function podReference(name: string) {
  return { apiVersion: 'v1', kind: 'Pod', name, namespace: NAMESPACE } as const;
}

/** The votes, or nothing while nobody answers for the page. */
async function answered(page: VotePage): Promise<Votes | undefined> {
  try {
    return await page.votes();
  } catch (error) {
    if (error instanceof DependencyError) return undefined;
    throw error;
  }
}

function textOf(votes: Votes): string {
  return Object.entries(votes)
    .map(([choice, count]) => `${choice} ${count}`)
    .join(', ');
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
