import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import org.sqlite.SQLiteConfig;

public class Java {
    public static void main(String[] args) throws Exception {
        SQLiteConfig config = new SQLiteConfig();
        config.enableLoadExtension(true);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        try (Connection db = config.createConnection("jdbc:sqlite:" + args[1]);
                Statement statement = db.createStatement()) {
            statement.execute("SELECT load_extension('" + args[0] + "')");
            for (String line; (line = in.readLine()) != null; ) {
                if (!statement.execute(line)) continue;
                try (ResultSet rows = statement.getResultSet()) {
                    while (rows.next()) System.out.println(rows.getString(1));
                }
            }
        }
    }
}
