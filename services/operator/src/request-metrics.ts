import type { DiiKind } from '@holdfast/uid2';
import { Counter, Summary } from 'prom-client';
import type { Registry } from 'prom-client';

import { siteOf } from './authentication.ts';
import type { OperatorStores } from './context.ts';
import { LabelledCounter } from './labelled-counter.ts';
import { LabelledSummary } from './labelled-summary.ts';
import type { OperatorRequest, ResponseObserver, ServiceTags } from './operator-request.ts';

export type TokenEndpoint = 'GenerateV2' | 'RefreshV2' | 'ClientSideTokenGenerateV2';

export type TokenResponseStatus =
  | 'Success'
  | 'InsufficientUserConsent'
  | 'InvalidUserConsentString'
  | 'OptOut'
  | 'ExpiredToken'
  | 'InvalidToken'
  | 'MissingParams'
  | 'BadPublicKey'
  | 'InvalidHttpOrigin'
  | 'InvalidAppName'
  | 'BadIV'
  | 'BadPayload'
  | 'Unauthorized'
  | 'Unknown'
  | 'NoActiveKey';

export type ValidateResult = 'match' | 'mismatch' | 'unauthorized' | 'invalid_token' | 'invalid_input' | 'error';

export type KeysetStatus = 'site_keyset_found' | 'fallback_keyset_found' | 'keyset_not_found';

/** What a batch of one kind of identities came to. */
export interface BatchCounts {
  readonly inputs: number;
  readonly invalid: number;
  readonly optedOut: number;
}

export interface RequestMetrics {
  tokenResponse(
    endpoint: TokenEndpoint,
    status: TokenResponseStatus,
    siteId: number,
    request: OperatorRequest,
    /** `cstg`: whether the token was made for a browser or app; `inApp`: whether an app said its name. */
    labels: { readonly cstg: boolean; readonly inApp?: boolean },
  ): void;
  /** A token request that carries a consent string. */
  tcfUsage(request: OperatorRequest): void;
  tokenRefresh(siteId: number, secondsSinceIssue: number, isExpired: boolean, request: OperatorRequest): void;
  refreshTokenReceived(siteId: number, version: 2 | 3): void;
  refreshTokenServed(siteId: number): void;
  tokenValidate(siteId: number, result: ValidateResult): void;
  siteKeyset(siteId: number, status: KeysetStatus): void;
  identityMap(request: OperatorRequest, counts: ReadonlyMap<DiiKind, BatchCounts>): void;
  rawUids(version: RawUidVersion, count: number): void;
  optOutStatus(request: OperatorRequest, inputs: number, optedOut: number): void;
  /** A batch that a service mapped for somebody else. */
  serviceMap(request: OperatorRequest, tags: ServiceTags, counts: ReadonlyMap<DiiKind, BatchCounts>): void;
  /** Version of the SDK, as the refresh and map endpoints count it. */
  sdkVersion(request: OperatorRequest, siteId: number | undefined): void;
  /** Counts a request when its reply is out. */
  readonly request: ResponseObserver;
}

export type RawUidVersion = 'v2' | 'v3' | 'v4';

const V4_FLAG = 0x20;

/** The version of a raw UID by its length and first byte. */
export function rawUidVersion(rawUid: Uint8Array): RawUidVersion {
  if (rawUid.length === 32) return 'v2';
  return ((rawUid[0] ?? 0) & V4_FLAG) === 0 ? 'v3' : 'v4';
}

/** Distinct values of a label that callers choose; what comes later is counted as `other`, so nobody can fill memory. */
const MAX_LABEL_VALUES = 100;
const MAX_LABEL_LENGTH = 80;

class BoundedLabel {
  readonly #seen = new Set<string>();

  of(value: string): string {
    if (this.#seen.has(value)) return value;
    if (value.length > MAX_LABEL_LENGTH || this.#seen.size >= MAX_LABEL_VALUES) return 'other';
    this.#seen.add(value);
    return value;
  }
}

const MAP_LABELS = ['api_contact', 'path'];
const SERVICE_LABELS = ['service_name', 'service_link_name'];

/**
 * The request metrics of the UID2 operator, under the names its exporter shows (counters end in `_total`). Labels that hold
 * whatever a caller sends are bounded.
 */
export function createRequestMetrics(registry: Registry, stores: Pick<OperatorStores, 'site'>): RequestMetrics {
  const counter = <T extends string>(name: string, help: string, labelNames: T[]): Counter<T> =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const hotCounter = (name: string, help: string, labelNames: readonly string[]): LabelledCounter =>
    new LabelledCounter(registry, name, help, labelNames);
  // Without `ageBuckets: 0` every value goes into a digest for quantiles that nobody asks for.
  const summary = <T extends string>(name: string, help: string, labelNames: T[]): Summary<T> =>
    new Summary({ name, help, labelNames, percentiles: [], ageBuckets: 0, registers: [registry] });

  const httpRequests = hotCounter('uid2_http_requests_total', 'Requests by caller, path and status', [
    'api_contact',
    'site_id',
    'site_name',
    'host',
    'status',
    'method',
    'path',
  ]);
  const clientVersions = counter('uid2_client_versions_total', 'Requests by X-UID2-AppVersion', [
    'api_contact',
    'client_name',
    'client_version',
  ]);
  const sdkVersions = hotCounter('uid2_client_sdk_versions_total', 'Requests by X-UID2-Client-Version', [
    'site_id',
    'api_contact',
    'client_version',
    'path',
  ]);
  const tokenResponses = hotCounter('uid2_token_response_status_count_total', 'Outcomes of token requests', [
    'site_id',
    'site_name',
    'token_endpoint',
    'token_response_status',
    'advertising_token_version',
    'cstg',
    'platform_type',
  ]);
  const refreshDuration = new LabelledSummary(
    registry,
    'uid2_token_refresh_duration_seconds',
    'Age of the refreshed tokens',
    ['site_id', 'site_name', 'api_contact', 'has_origin_header'],
  );
  const expiredOnRefresh = hotCounter(
    'uid2_advertising_token_expired_on_refresh_total',
    'Refreshes by whether the advertising token had expired',
    ['site_id', 'site_name', 'has_origin_header', 'is_expired'],
  );
  const received = hotCounter('uid2_refresh_token_received_count_total', 'Refresh tokens that came in', [
    'site_id',
    'refresh_token_version',
  ]);
  const served = hotCounter('uid2_refresh_token_served_count_total', 'Refresh tokens that went out', [
    'site_id',
    'refresh_token_version',
  ]);
  const validations = counter('uid2_token_validate_total', 'Outcomes of token validation', [
    'site_id',
    'site_name',
    'result',
  ]);
  const keysets = hotCounter('uid2_site_keyset_status_total', 'Whether tokens used the key of their own site', [
    'site_id',
    'status',
  ]);
  const mapInputs = summary('uid2_operator_identity_map_inputs', 'Identities per map request', [
    'api_contact',
    'path',
    'dii_type',
  ]);
  const unmapped = counter('uid2_operator_identity_map_unmapped_total', 'Identities that were not mapped', [
    'api_contact',
    'path',
    'reason',
  ]);
  const unmappedRequests = counter(
    'uid2_operator_identity_map_unmapped_requests_total',
    'Map requests with at least one identity that was not mapped',
    ['api_contact', 'path'],
  );
  const tcfUsage = counter('uid2_token_generate_tcf_usage_total', 'Token requests with a consent string', [
    'api_contact',
  ]);
  const serviceInputs = summary(
    'uid2_operator_identity_map_services_inputs',
    'Identities per map request of a service',
    [...MAP_LABELS, 'dii_type', ...SERVICE_LABELS],
  );
  const serviceUnmapped = counter(
    'uid2_operator_identity_map_services_unmapped_total',
    'Identities of services that were not mapped',
    [...MAP_LABELS, 'reason', ...SERVICE_LABELS],
  );
  const rawUids = hotCounter('uid2_raw_uid_version_total', 'Raw UIDs made, by version', ['version']);
  const statusInputs = summary('uid2_operator_optout_status_input_size', 'Raw UIDs per opt-out status request', [
    'api_contact',
  ]);
  const statusOptOuts = summary('uid2_operator_optout_status_optout_size', 'Opted-out raw UIDs per such request', [
    'api_contact',
  ]);

  const hosts = new BoundedLabel();
  const appNames = new BoundedLabel();
  const appVersions = new BoundedLabel();
  const clients = new BoundedLabel();
  const siteName = (siteId: number): string => stores.site(siteId)?.name ?? 'unknown';

  return {
    tokenResponse(endpoint, status, siteId, request, { cstg, inApp = false }) {
      tokenResponses.inc([
        siteId,
        siteName(siteId),
        endpoint,
        status,
        status === 'Success' ? 'V4' : 'null',
        cstg ? 'true' : 'false',
        inApp ? 'InApp' : platformOf(request),
      ]);
    },
    tcfUsage: (request) => tcfUsage.inc({ api_contact: contactOf(request) }),
    tokenRefresh(siteId, secondsSinceIssue, isExpired, request) {
      const hasOrigin = request.headers.origin === undefined ? 'false' : 'true';
      const name = siteName(siteId);
      refreshDuration.add([siteId, name, contactOf(request), hasOrigin], secondsSinceIssue);
      expiredOnRefresh.inc([siteId, name, hasOrigin, isExpired ? 'true' : 'false']);
    },
    refreshTokenReceived: (siteId, version) => received.inc([siteId, version === 2 ? 'v2' : 'v3']),
    refreshTokenServed: (siteId) => served.inc([siteId, 'v3']),
    tokenValidate: (siteId, result) => validations.inc({ site_id: siteId, site_name: siteName(siteId), result }),
    siteKeyset: (siteId, status) => keysets.inc([siteId, status]),
    identityMap(request, counts) {
      const labels = { api_contact: contactOf(request), path: pathOf(request) };
      let invalid = 0;
      let optedOut = 0;
      for (const [kind, count] of counts) {
        if (count.inputs === 0) continue;
        mapInputs.observe({ ...labels, dii_type: kind }, count.inputs);
        invalid += count.invalid;
        optedOut += count.optedOut;
      }
      if (invalid > 0) unmapped.inc({ ...labels, reason: 'invalid' }, invalid);
      if (optedOut > 0) unmapped.inc({ ...labels, reason: 'optout' }, optedOut);
      if (invalid + optedOut > 0) unmappedRequests.inc(labels);
    },
    serviceMap(request, { serviceName, linkName }, counts) {
      const labels = {
        api_contact: contactOf(request),
        path: pathOf(request),
        service_name: serviceName,
        service_link_name: linkName,
      };
      for (const [kind, { inputs, invalid, optedOut }] of counts) {
        if (inputs === 0) continue;
        serviceInputs.observe({ ...labels, dii_type: kind }, inputs);
        if (invalid > 0) serviceUnmapped.inc({ ...labels, reason: 'invalid' }, invalid);
        if (optedOut > 0) serviceUnmapped.inc({ ...labels, reason: 'optout' }, optedOut);
      }
    },
    rawUids: (version, count) => rawUids.inc([version], count),
    optOutStatus(request, inputs, optedOut) {
      const labels = { api_contact: contactOf(request) };
      statusInputs.observe(labels, inputs);
      statusOptOuts.observe(labels, optedOut);
    },
    sdkVersion(request, siteId) {
      const version = clientVersionOf(request);
      if (version === undefined) return;
      sdkVersions.inc([siteId ?? 'null', contactOf(request), clients.of(version), pathOf(request)]);
    },
    request(request, reply) {
      const client = request.operatorClient;
      const contact = contactOf(request);
      const path = pathOf(request);
      httpRequests.inc([
        contact,
        client === null ? 'null' : siteOf(client),
        client === null ? 'unknown' : siteName(siteOf(client)),
        hosts.of(maskedHost(request.headers.host)),
        reply.statusCode,
        request.method,
        path,
      ]);
      const sdk = clientVersionOf(request);
      if (sdk !== undefined && REFERENCE_SCRIPTS.has(sdk)) {
        sdkVersions.inc(['unknown', contact, sdk, path]);
      }
      const [name, version] = appVersionOf(request);
      if (name !== undefined && version !== undefined) {
        clientVersions.inc({
          api_contact: contact,
          client_name: appNames.of(name),
          client_version: appVersions.of(version),
        });
      }
    },
  };
}

/** Versions of the browser scripts that a reference operator ships; what it counts whatever the endpoint. */
const REFERENCE_SCRIPTS: ReadonlySet<string> = new Set(['uid2-sdk-2.0.0', 'euid-sdk-1.0.0']);

function contactOf(request: OperatorRequest): string {
  return request.operatorClient?.contact ?? 'unknown';
}

function pathOf(request: OperatorRequest): string {
  return request.routeOptions.url ?? 'unknown';
}

/** Addresses of load balancers change with every probe and say nothing. */
function maskedHost(host: string | undefined): string {
  if (host === undefined || host === '') return 'unknown';
  return host.startsWith('10.') ? '10.x.x.x' : host;
}

/** The first `name=version` of `X-UID2-AppVersion`. */
function appVersionOf(request: OperatorRequest): readonly (string | undefined)[] {
  const header = request.headers['x-uid2-appversion'];
  return typeof header === 'string' ? (header.split(/[;,]/, 1)[0] ?? '').split('=', 2).map((part) => part.trim()) : [];
}

/** What a caller says of its own SDK: a header, or for browsers a query parameter. */
export function clientVersionOf(request: OperatorRequest): string | undefined {
  const header = request.headers['x-uid2-client-version'];
  if (typeof header === 'string' && header !== '') return header;
  const query = (request.query as Readonly<Record<string, unknown>>)['client'];
  return typeof query === 'string' && query !== '' ? query : undefined;
}

/** Compared with case, as the reference does. */
const APP_SDK = /Android|ios|tvos/;

function platformOf(request: OperatorRequest): 'InApp' | 'HasOriginHeader' | 'Other' {
  if (APP_SDK.test(clientVersionOf(request) ?? '')) return 'InApp';
  return request.headers.origin === undefined ? 'Other' : 'HasOriginHeader';
}
