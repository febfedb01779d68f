/**
 * Parses a KQL query with Microsoft's own language service against the columns that the queries may use.
 *
 * @module
 */
import { createRequire } from 'node:module';

/** What is used of the language service; its own types are 1.7 MB of declarations without a module. */
interface LanguageService {
  readonly Language: {
    readonly KustoCode: { ParseAndAnalyze: (query: string, globals: unknown) => { GetDiagnostics: () => unknown } };
    readonly GlobalState: { readonly Default: { WithDatabase: (database: unknown) => unknown } };
    readonly Symbols: {
      readonly TableSymbol: { readonly $ctor7: new (name: string, schema: string, description: null) => unknown };
      readonly DatabaseSymbol: { readonly ctor: new (name: string, members: readonly unknown[]) => unknown };
    };
  };
}

const require = createRequire(import.meta.url);
require('@kusto/language-service-next/bridge.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.js');
const { Kusto, Bridge } = globalThis as unknown as {
  Kusto: LanguageService;
  Bridge: { toArray: (list: unknown) => readonly { readonly Severity: string; readonly Message: string }[] };
};
const { KustoCode, GlobalState, Symbols } = Kusto.Language;

// Columns of the table AppMetrics as Microsoft documents it for Azure Monitor Logs, those that telemetry through OpenTelemetry fills.
const appMetrics = new Symbols.TableSymbol.$ctor7(
  'AppMetrics',
  '(TimeGenerated: datetime, Name: string, Sum: real, Min: real, Max: real, ItemCount: int, Properties: dynamic, AppRoleName: string, AppRoleInstance: string, OperationId: string)',
  null,
);
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('telemetry', [appMetrics]));

/** What the language service has to say against a query: nothing, where it would run. */
export function problemsOfQuery(query: string): readonly string[] {
  return Bridge.toArray(KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics()).map(
    ({ Severity, Message }) => `${Severity}: ${Message}`,
  );
}
