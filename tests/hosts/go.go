package main

import (
	"bufio"
	"database/sql"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/mattn/go-sqlite3"
)

var values = [][]any{{int64(1)}, {1.0}, {1.5}, {"1"}, {[]byte("1")}, {nil}}

func run(db *sql.DB, statement string, bound []any) error {
	rows, err := db.Query(statement, bound...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		fmt.Println(text)
	}
	return rows.Err()
}

func main() {
	sql.Register("extended", &sqlite3.SQLiteDriver{Extensions: []string{os.Args[1]}})
	db, err := sql.Open("extended", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		all := [][]any{nil}
		if strings.Contains(in.Text(), "?") {
			all = values
		}
		for _, bound := range all {
			if err := run(db, in.Text(), bound); err != nil {
				fmt.Println("error", err)
			}
		}
	}
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
}
