import { listen } from '@holdfast/http';
import type { Clock } from '@holdfast/base';
import type { Logger } from '@holdfast/process';

import type { ClusterSettings } from '../../arm/index.ts';
import { buildManagedIdentityApp } from '../../azure/index.ts';
import type { CertificateAuthority, ManagedIdentity, TokenIssuer } from '../../azure/index.ts';
import type { ClusterStore } from '../../kubernetes/api/index.ts';
import { TcpForwarder } from '../../kubernetes/controllers/index.ts';
import type { ServicePlace } from '../../kubernetes/kubelet/index.ts';
import type { RunningNmi } from './pod-identity.ts';
import type { RunningWebhook } from './workload-identity.ts';

export interface ClusterAddOnsOptions {
  readonly store: ClusterStore;
  /** The node of the pool. */
  readonly node: string;
  readonly authority: CertificateAuthority;
  readonly tokenIssuer: TokenIssuer;
  /** Whether a managed identity still is what it was when it was attached: made anew it has another client id, or none. */
  readonly exists: (identity: ManagedIdentity) => boolean;
  /** JSON of the AMD certificates of this machine, for confidential guests on the nodes. */
  readonly hostCertificates: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onError: (error: unknown) => void;
}

const HOST = '127.0.0.1';

/** The node's server of pod identity, and whether there is to be one. */
interface Nmi {
  wanted: boolean;
  running: RunningNmi | undefined;
}

/**
 * What AKS runs in a cluster for identities, because its resource says so: the metadata service of the nodes, always; the workload
 * identity webhook; and the node's server of pod identity. It comes and goes with the settings of the resource.
 */
export class ClusterAddOns {
  /** The metadata service of the nodes, `http://127.0.0.1:PORT`, for whoever is on a node itself. */
  readonly metadataUrl: string;
  /** What 169.254.169.254:80 is for pods: `127.0.0.1:PORT`. The same however often the add-ons change. */
  readonly metadataPlace: string;
  readonly #options: ClusterAddOnsOptions;
  readonly #undo: readonly (() => Promise<unknown>)[];
  readonly #attached: { identities: ClusterSettings['nodeIdentities'] };
  readonly #nmi: Nmi;
  #webhook: RunningWebhook | undefined;
  #applying: Promise<void> = Promise.resolve();

  private constructor(
    options: ClusterAddOnsOptions,
    parts: {
      readonly metadataUrl: string;
      readonly redirection: TcpForwarder;
      readonly attached: { identities: ClusterSettings['nodeIdentities'] };
      readonly nmi: Nmi;
      readonly undo: readonly (() => Promise<unknown>)[];
    },
  ) {
    this.#options = options;
    this.metadataUrl = parts.metadataUrl;
    this.metadataPlace = `${HOST}:${parts.redirection.port}`;
    this.#attached = parts.attached;
    this.#nmi = parts.nmi;
    this.#undo = parts.undo;
  }

  static async start(options: ClusterAddOnsOptions): Promise<ClusterAddOns> {
    const { tokenIssuer, exists, hostCertificates, clock } = options;
    const attached: { identities: ClusterSettings['nodeIdentities'] } = { identities: [] };
    const nmi: Nmi = { wanted: false, running: undefined };
    const identities = (): readonly ManagedIdentity[] => attached.identities.filter(exists);
    const app = buildManagedIdentityApp({ identities, tokenIssuer, clock, hostCertificates });
    const metadataUrl = await listen(app, { host: HOST, port: 0 });
    // What rules of the packet filter do on a node: pods always ask the same address, and whoever answers sees theirs.
    const redirection = await TcpForwarder.open({ host: HOST, port: 0, keepsSource: true }, () => {
      // Never to every identity of the node where there is to be somebody who chooses.
      if (nmi.wanted && nmi.running === undefined) return [];
      const { hostname, port } = new URL(nmi.running?.url ?? metadataUrl);
      return [{ address: hostname, port: Number(port) }];
    });
    const undo = [async () => redirection.close(), async () => app.close()];
    return new ClusterAddOns(options, { metadataUrl, redirection, attached, nmi, undo });
  }

  /** The node's server of pod identity; undefined while that add-on is off. */
  get nmiUrl(): string | undefined {
    return this.#nmi.running?.url;
  }

  /** Where a service answers that an add-on stands behind. */
  serviceUrl(place: ServicePlace): string | undefined {
    return this.#webhook?.serviceUrl(place);
  }

  /** Makes the cluster what the settings say. Calls take their turn. */
  apply(settings: ClusterSettings): Promise<void> {
    const next = this.#applying.then(async () => this.#apply(settings));
    this.#applying = next.catch(() => undefined); // told by whoever waits for it
    return next;
  }

  /** The objects in the cluster stay for the next start. */
  async stop(): Promise<void> {
    await this.#applying;
    await this.#webhook?.stop();
    await this.#nmi.running?.stop();
    for (const undo of this.#undo) await undo();
  }

  async #apply(settings: ClusterSettings): Promise<void> {
    this.#attached.identities = settings.nodeIdentities;
    await this.#applyWorkloadIdentity(settings.workloadIdentity);
    await this.#applyPodIdentity(settings.podIdentity);
  }

  async #applyWorkloadIdentity(enabled: boolean): Promise<void> {
    const { store, authority, tokenIssuer, logger } = this.#options;
    if (!enabled && !hasKind(store, 'MutatingWebhookConfiguration')) return;
    // Loaded here: most clouds have no such cluster.
    const webhook = await import('./workload-identity.ts');
    if (enabled) {
      const { tenantId } = tokenIssuer;
      this.#webhook ??= await webhook.startWorkloadIdentity({ store, authority, tenantId, logger });
      return;
    }
    webhook.unregisterWorkloadIdentity(store);
    await this.#webhook?.stop();
    this.#webhook = undefined;
  }

  async #applyPodIdentity(profile: ClusterSettings['podIdentity']): Promise<void> {
    const { store, node, logger, onError } = this.#options;
    this.#nmi.wanted = profile !== undefined;
    if (profile === undefined) {
      await this.#nmi.running?.stop();
      this.#nmi.running = undefined;
      return;
    }
    const nmi = await import('./pod-identity.ts');
    nmi.installPodIdentityKinds(store);
    nmi.writePodIdentities(store, profile);
    this.#nmi.running ??= await nmi.startPodIdentity({ store, node, metadataUrl: this.metadataUrl, logger, onError });
  }
}

function hasKind(store: ClusterStore, kind: string): boolean {
  return store.list({ apiVersion: 'admissionregistration.k8s.io/v1', kind }).length > 0;
}
