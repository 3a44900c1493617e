/** A connection that can load extensions. */
export interface Loading {
  loadExtension(file: string, ...rest: any[]): unknown;
}

/**
 * The path of the extension's file for this platform.
 * Throws where there is no package for the platform, or where it is not installed.
 */
export declare function getLoadablePath(): string;

/**
 * Loads the extension into a connection: of better-sqlite3, bun:sqlite, libsql, or of node:sqlite opened with
 * `{ allowExtension: true }`. Throws what getLoadablePath() and the connection throw.
 */
export declare function load(db: Loading): void;
