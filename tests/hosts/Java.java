import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.sqlite.SQLiteConfig;

public class Java {
    static final Object[] VALUES = {1L, 1.0, 1.5, "1", new byte[] {'1'}, null};
    static final Object[] NO_VALUE = {new Object()};

    static void run(PreparedStatement statement, Object value) throws SQLException {
        if (value instanceof byte[]) statement.setBytes(1, (byte[]) value);
        else if (value != NO_VALUE[0]) statement.setObject(1, value);
        if (!statement.execute()) return;
        try (ResultSet rows = statement.getResultSet()) {
            while (rows.next()) System.out.println(rows.getString(1));
        }
    }

    public static void main(String[] args) throws Exception {
        SQLiteConfig config = new SQLiteConfig();
        config.enableLoadExtension(true);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        try (Connection db = config.createConnection("jdbc:sqlite:" + args[1])) {
            try (Statement statement = db.createStatement()) {
                statement.execute("SELECT load_extension('" + args[0] + "')");
            }
            for (String line; (line = in.readLine()) != null; )
                for (Object value : line.contains("?") ? VALUES : NO_VALUE)
                    try (PreparedStatement statement = db.prepareStatement(line)) {
                        run(statement, value);
                    } catch (SQLException error) {
                        System.out.println("error " + error.getMessage());
                    }
        }
    }
}
