/** Names and paths of what is injected: those of today, or those of webhooks up to 1.5.1 that AKS still documents. */
export type NamingProfile = 'current' | 'legacy';

/** Another token endpoint than Entra ID, for pods that ask for it with `azure.workload.identity/use-<suffix>`. */
export interface CustomTokenEndpoint {
  readonly suffix: string;
  readonly audience: string;
  /** `AZURE_KUBERNETES_TOKEN_PROXY` */
  readonly tokenProxy: string;
  /** `AZURE_KUBERNETES_SNI_NAME` */
  readonly sniName: string;
  /** Where the certificates of the endpoint's authority come from; the system's when missing. */
  readonly ca?:
    | { readonly data: string }
    | { readonly configMap: string }
    | { readonly signerName: string; readonly labelSelector?: Readonly<Record<string, unknown>> };
}

/** Images and behaviour of the proxy for applications that only know pod identity. */
export interface ProxySettings {
  /** Image of `azwi-proxy`. */
  readonly image: string;
  /** Image of `azwi-proxy-init`. */
  readonly initImage: string;
  readonly logLevel: string;
  /** Whether the API server knows init containers that stay running (1.32 and later). */
  readonly nativeSidecar: boolean;
}

/** What the workload identity mutation is configured with. */
export interface WorkloadIdentitySettings {
  readonly tenantId: string;
  /** With a slash at the end, as `authorityHost` answers. */
  readonly authorityHost: string;
  readonly audience: string;
  readonly profile: NamingProfile;
  readonly proxy: ProxySettings;
  readonly customEndpoint?: CustomTokenEndpoint;
}

/** The audience of tokens for Entra ID. */
export const DEFAULT_AUDIENCE = 'api://AzureADTokenExchange';
