/** What the webhook serves with, and what API servers verify it with. */
export interface ServingCertificate {
  /** PEM chain. */
  readonly cert: string;
  /** PEM key. */
  readonly key: string;
  /** PEM certificates of authorities for `caBundle`; undefined when somebody else publishes them. */
  readonly ca: string | undefined;
}

/** Where a serving certificate comes from. Asked again and again; answers the one that is in force now. */
export interface CertificateSource {
  /**
   * @throws ConfigError CERTIFICATE_FILES_UNUSABLE
   * @throws DependencyError of the cluster
   */
  current(): Promise<ServingCertificate>;
}
